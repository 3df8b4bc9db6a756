import type { ReplyFaultKind } from './reply-faults.js'

/** What a request is for: where it can be made to fail, and what the log of requests calls it. `stream` is the output
 * of a command that `start` began or that `reattach` follows. */
export type E2BPoint =
  | 'create'
  | 'list'
  | 'info'
  | 'kill'
  | 'timeout'
  | 'connect'
  | 'resume'
  | 'pause'
  | 'network'
  | 'metrics'
  | 'health'
  | 'envs'
  | 'stat'
  | 'listDir'
  | 'makeDir'
  | 'move'
  | 'remove'
  | 'upload'
  | 'download'
  | 'start'
  | 'stream'
  | 'reattach'
  | 'processes'
  | 'stdin'
  | 'closeStdin'
  | 'signal'

/** What happens to the connection: reset before the request is acted upon; acted upon, then reset in place of the reply;
 * silence; the reply after `ms`. */
export type LinkFaultKind = 'reset' | 'reply-lost' | 'stall' | 'late'

/** What happens to a body on its way out: the first four are valid replies that say 200. */
export type DownloadFaultKind =
  | 'short'
  | 'bit-flip'
  | 'garbage'
  | 'oversize'
  | 'reset-in-body'
  | 'fin-early'
  | 'stall-in-body'

/** What happens to the output of a command, or to the command once it has written so much. */
export type StreamFaultKind =
  | 'one-byte-chunks'
  | 'noise'
  | 'drop-chunk'
  | 'repeat-chunk'
  | 'no-end'
  | 'cut'
  | 'stop'
  | 'process-killed'
  | 'exit'
  | 'sandbox-killed'
  | 'sandbox-expired'

interface OwnKinds {
  readonly upload: 'short-write'
  readonly download: DownloadFaultKind
  readonly listDir: 'omit' | 'add-traversal' | 'add-symlink'
  readonly stdin: 'refused'
}

/** The kinds that make sense at a point. */
export type E2BFaultKind<P extends E2BPoint = E2BPoint> = P extends 'stream'
  ? StreamFaultKind
  : ReplyFaultKind | LinkFaultKind | (P extends keyof OwnKinds ? OwnKinds[P] : never)

interface FaultOptions {
  /** How often it happens; default 1. */
  readonly times?: number | 'always'
  /** Matching requests (for `stream`: streams) that pass unharmed first; default 0. */
  readonly skip?: number
  /** The id of the only sandbox concerned. */
  readonly sandbox?: string
  /** Guest paths concerned, as `/home/user/out/a.json`; for `start` and `stream`, command lines. */
  readonly path?: RegExp
  /** Bytes. In a stream of output: what of stdout passes before. In a body: what is sent, kept or left as it is before;
   * default half of it. */
  readonly after?: number
  /** `rate-limited`: seconds in `Retry-After`; default 1. */
  readonly retryAfterSeconds?: number
  /** `late`: milliseconds; default 100. */
  readonly ms?: number
  /** `oversize`: so many bytes too many; default 16. */
  readonly bytes?: number
  /** `exit`: the code; default 1. */
  readonly exitCode?: number
  /** `noise`: the line; default one that is no JSON. */
  readonly line?: string
  /** `omit`: names of the entries that are left out; default the last one. */
  readonly entry?: RegExp
}

/** A fault by name: where, what, how often, and what it may depend on. */
export type E2BFault = {
  [P in E2BPoint]: FaultOptions & { readonly at: P; readonly kind: E2BFaultKind<P> }
}[E2BPoint]

/** The faults of one point. */
export type FaultAt<P extends E2BPoint> = Extract<E2BFault, { readonly at: P }>

/** What `inject` gives back. */
export interface E2BFaultHandle {
  readonly fault: E2BFault
  /** How often it has happened. */
  readonly hits: number
  /** It does not happen any more. */
  remove(): void
}
