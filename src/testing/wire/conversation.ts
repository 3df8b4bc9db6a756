/** Where a fake server stops being a server.
 * - `accept-stall`: accepts, and says nothing to whatever it is sent;
 * - `greeting-stall`: says half of its first message;
 * - `tls-stall`: agrees to TLS, then never answers the client's hello;
 * - `tls-refused`: has no TLS;
 * - `auth-stall`: asks for authentication, then never answers (SCRAM for Postgres, native password for MySQL);
 * - `auth-refused`: refuses the login;
 * - `cleartext`: asks for the password in clear;
 * - `garbage`: answers in another protocol;
 * - `late`: says each of its messages `ms` milliseconds late, and would let everybody in. */
export type WireFault =
  | { readonly kind: StallingKind | 'tls-refused' | 'auth-refused' | 'cleartext' | 'garbage' }
  | { readonly kind: 'late'; readonly ms: number }

/** The faults after which a client hears nothing more. */
export type StallingKind = 'accept-stall' | 'greeting-stall' | 'tls-stall' | 'auth-stall'

/** What a fake does about one message of the client. */
export interface Answer {
  /** Sent back; without it the fake stays silent. */
  readonly reply?: Uint8Array
  /** The message held something that is meant to authenticate: a password, a proof, the user of a trusted login. */
  readonly authenticates?: boolean
}

/** The server's side of one connection of a fake, for one protocol. */
export interface Conversation {
  /** What the server says unasked. */
  readonly opening: Uint8Array | undefined
  /** The length of the first message in `bytes` as far as it can be told; more than there is, or 0, while it is
   * incomplete. */
  frame(bytes: Buffer): number
  answer(message: Buffer): Answer
}

/** What a server of quite another kind says. */
export const GARBAGE = Buffer.from(
  'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n',
  'ascii',
)
