import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { z } from 'zod'
import type { ErrorCode } from '../errors/index.js'
import type { Batch, Column } from './batch.js'

export type WriteMode = 'append' | 'replace'

/** What a driver can do; plans, help, docs and MCP listings derive from it. */
export interface Capabilities {
  readonly extract: boolean
  readonly write: boolean
  readonly discover: boolean
  readonly query: boolean
  readonly modes: readonly WriteMode[]
  /** Wire formats that can be handed over unparsed between two sessions of drivers that both name them. */
  readonly rawFormats: readonly string[]
}

/** What to read. Exactly one of `table` and `query`. */
export interface ExtractRequest {
  /** `name` or `schema.name`; quote a part with double quotes if it holds a dot. */
  readonly table?: string
  /** A SELECT of the source's dialect. */
  readonly query?: string
  /** Columns to take, in this order; names that start with `-` are left out instead. */
  readonly select?: readonly string[]
  /** A condition in the source's dialect, for `table`. */
  readonly where?: string
  /** Choices for values that have no equal elsewhere, e.g. `{ zero_dates: 'error' }`; see the driver's page in docs/. */
  readonly policies?: Readonly<Record<string, string>>
  /** Size of a batch in bytes (256 KiB). */
  readonly batchBytes?: number
  /** Bytes that may wait between the socket and the consumer (1 MiB). */
  readonly bufferBytes?: number
}

/** What an extraction would read. */
export interface SourceDescription {
  readonly columns: readonly Column[]
  /** The statement that would run, for plans. */
  readonly statement: string
  /** Rows by the server's statistics; undefined where it keeps none. */
  readonly estimatedRows: number | undefined
}

/** Batches of one pass over the source. Yields at least one batch: an empty result is one batch of zero rows, which says
 * what the columns are. Normal completion means that the server confirmed the end of the rows. */
export interface Extraction extends AsyncIterable<Batch> {
  /** Rows packed so far. */
  readonly rowsRead: number
  /** How often each policy was applied so far, by its closed name, e.g. `zero_dates`. */
  readonly policyCounts: Readonly<Record<string, number>>
}

/** Where and how to write. */
export interface WritePlan {
  /** `name` or `schema.name`. */
  readonly table: string
  readonly mode: WriteMode
  /** Key columns of a table that has to be created; the source's primary key where it is not given. */
  readonly primaryKey?: readonly string[]
  readonly policies?: Readonly<Record<string, string>>
  /** Called inside the transaction when everything is written and counted, before the commit. A throw rolls back. */
  readonly beforeCommit?: (receipt: WriteReceipt) => void | Promise<void>
}

/** What a write will do, without doing it. */
export interface WriteOutline {
  readonly targetExists: boolean
  /** Statements in the order in which they would run, for plans. */
  readonly statements: readonly string[]
  /** Column name → type in the target. */
  readonly columnTypes: Readonly<Record<string, string>>
  /** What a person should know: locks, what readers see, what survives. */
  readonly notes: readonly string[]
}

/** Counts of one write, taken at each end; they agreed, or the write was rolled back. */
export interface WriteReceipt {
  /** Rows encoded and sent. */
  readonly rowsSent: number
  /** Rows that the server's command tag reported. */
  readonly rowsConfirmed: number
  /** Rows of this write counted in the target table before the commit. */
  readonly rowsCounted: number
  readonly bytesSent: number
  readonly created: boolean
  /** How the rows got in, e.g. `direct` or `staged`. */
  readonly route: string
  readonly policyCounts: Readonly<Record<string, number>>
}

/** What a user may do. */
export interface Privileges {
  readonly superuser: boolean
  /** May change data or create tables somewhere in this database. */
  readonly canWrite: boolean
}

/** One open connection to a source or a target. One operation at a time. */
export interface Session {
  describe?(request: ExtractRequest, signal: AbortSignal): Promise<SourceDescription>
  /** An early `return()` of the iterator tears the statement down on the server. */
  extract?(request: ExtractRequest, signal: AbortSignal): Extraction
  outline?(plan: WritePlan, columns: readonly Column[], signal: AbortSignal): Promise<WriteOutline>
  /** Commits only after the server confirmed everything; otherwise nothing remains. */
  write?(plan: WritePlan, batches: AsyncIterable<Batch>, signal: AbortSignal): Promise<WriteReceipt>
  ping(signal: AbortSignal): Promise<void>
  /** What the session's user may do, as far as the catalogue tells. */
  privileges?(signal: AbortSignal): Promise<Privileges>
  /** Forgets transactions, variables, roles and temporary tables, for the next borrower of a pool. Rejects where the
   * session is not fit for one. */
  reset?(): Promise<void>
  /** Idempotent and never throws over the primary error. The owner bounds it and destroys the socket afterwards. */
  close(): Promise<void>
}

/** One place where a server may listen. */
export type Endpoint =
  /** `label` is what the driver calls it among several, e.g. `session_pooler`; a closed word that may be printed. */
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly label?: string }
  | { readonly kind: 'unix'; readonly path: string }

/** What one connection attempt gets. The attempt owns `socket`: it is destroyed whenever `open` does not succeed. */
export interface OpenContext {
  /** Connected to one address of the endpoint; no byte was exchanged yet. */
  readonly socket: Socket
  /** The configured name, which is what TLS verifies, whatever address was dialled. */
  readonly endpoint: Endpoint
  /** What to set TLS up with, or undefined for a plain connection. */
  readonly tls: TlsSettings | undefined
  readonly signal: AbortSignal
  /** Another socket to the same address, for a cancel request. Its caller owns it. */
  dialAgain(signal: AbortSignal): Promise<Socket>
}

export interface TlsSettings {
  readonly mode: 'require' | 'verify-ca' | 'verify-full'
  /** The name that the certificate must carry under `verify-full`. */
  readonly serverName: string
  readonly options: Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized' | 'checkServerIdentity'>
}

/** A native error in Airlock's terms. `origin` is a SQLSTATE or errno name. */
export interface Classification {
  readonly code: ErrorCode
  readonly origin?: string
}

/** The declarative part of a driver; see docs/drivers.md for how to write one. */
export interface DriverSpec<Schema extends z.ZodObject> {
  readonly family: string
  readonly title: string
  /** Schemes of a `url:` that this driver accepts. */
  readonly urlSchemes: readonly string[]
  readonly defaultPort: number
  /** Strict; secret fields carry `secret()`, topology fields `topology()`. */
  readonly config: Schema
  readonly capabilities: Capabilities
  /** Choices for values that have no equal elsewhere: name → words, the default first. */
  readonly policies: Readonly<Record<string, readonly string[]>>
  /** Candidates in the order in which they are tried. */
  endpoints(config: z.output<Schema>): readonly Endpoint[]
  open(config: z.output<Schema>, context: OpenContext): Promise<Session>
  /** The only place that looks at a native error. Undefined for errors that it does not know. */
  classify(error: unknown): Classification | undefined
}
