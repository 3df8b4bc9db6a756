import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { z } from 'zod'
import type { ErrorCode } from '../errors/index.js'
import type { Batch, Column } from './batch.js'
import type { Lookup } from './dial.js'
import type { GraphqlRead, GraphqlWrite } from './graphql-read.js'
import type { KeySplitRequest } from './key-split.js'
import type { QueryProvenance } from './query-provenance.js'
import type { HeldSnapshot, SharedSnapshot, SnapshotKind } from './shared-snapshot.js'
import type { WaitingRows } from './waiting-rows.js'
import type { ClaimOutcome, WriteFence } from './write-fence.js'

export type WriteMode = 'append' | 'replace' | 'merge' | 'delete+insert'

/** How `merge` treats the rows whose key the target has. */
export type MergeStrategy = 'upsert' | 'delete-insert' | 'insert-only' | 'scd2'

/** How `replace` gets rid of the old rows. */
export type ReplaceStrategy = 'truncate' | 'delete' | 'swap'

export type WriteStrategy = MergeStrategy | ReplaceStrategy

/** What happens where a stream does not fit an existing target: the stream stops, the target grows, or what does not fit
 * is left out and counted. */
export type SchemaContract = 'freeze' | 'evolve' | 'discard_row' | 'discard_value'

/** What a driver can do; plans, help, docs and MCP listings derive from it. */
export interface Capabilities {
  readonly extract: boolean
  readonly write: boolean
  readonly discover: boolean
  readonly query: boolean
  readonly modes: readonly WriteMode[]
  /** Strategies of a mode, the default first; a mode that is not here has none to choose. */
  readonly strategies?: Readonly<Partial<Record<WriteMode, readonly WriteStrategy[]>>>
  /** Extractions heed `cursor` and `range`. Streams that need them are refused where this is not true. */
  readonly incremental?: boolean
  /** False where a write that failed may have left a part of its rows: an append to it is never repeated. */
  readonly atomicWrites?: boolean
  /** Wire formats that can be handed over unparsed between two sessions of drivers that both name them. */
  readonly rawFormats: readonly string[]
}

/** Part of a table: rows whose `column` lies in the half-open range [from, to). Bounds are canonical texts of the column's
 * type; one that is left out is open. */
export interface KeyRange {
  readonly column: string
  readonly from?: string
  readonly to?: string
}

/** Where an incremental read goes on. */
export interface CursorStart {
  /** The column that grows with every change. */
  readonly column: string
  /** The greatest value of the last read, as canonical text. Rows at this value are read again: a merge does not mind, and
   * rows may have been committed late. Undefined: from the beginning. */
  readonly from?: string | undefined
  /** For targets that would keep a row twice: of the rows at `from`, only those whose key comes after these values. */
  readonly after?: readonly string[] | undefined
  /** Key columns, in order; they break ties between equal cursor values. */
  readonly key: readonly string[]
  /** Reads this much before `from` again: seconds for times and dates, units for numbers. */
  readonly lag?: number | undefined
  /** What a row without a cursor value does: it never matches a bound. */
  readonly nulls: 'error' | 'include'
}

/** How far an incremental read came, in the snapshot that it read. */
export interface CursorPosition {
  readonly value: string
  /** Key of the last row at `value`, in key order; empty where the source has no key. */
  readonly key: readonly string[]
}

/** What to read. Exactly one of `table`, `query` and `graphql`. */
export interface ExtractRequest {
  /** `name` or `schema.name`; quote a part with double quotes if it holds a dot. */
  readonly table?: string
  /** A SELECT of the source's dialect. */
  readonly query?: string
  /** A document and where its records are, for GraphQL sources. */
  readonly graphql?: GraphqlRead
  /** Columns to take, in this order; names that start with `-` are left out instead. */
  readonly select?: readonly string[]
  /** A condition in the source's dialect, for `table`. */
  readonly where?: string
  /** Only a part of the table. */
  readonly range?: KeyRange
  /** Only what changed since the last read. */
  readonly cursor?: CursorStart
  /** Choices for values that have no equal elsewhere, e.g. `{ zero_dates: 'error' }`; see the driver's page in docs/. */
  readonly policies?: Readonly<Record<string, string>>
  /** Size of a batch in bytes (256 KiB). */
  readonly batchBytes?: number
  /** Bytes that may wait between the socket and the consumer (1 MiB). */
  readonly bufferBytes?: number
  /** A wire format in which the consumer takes rows unparsed, of those that the source's capabilities name. Ignored where
   * the source cannot give these rows in it. */
  readonly raw?: string
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
  /** Of an incremental read, known once its first batch is there; undefined where it found no row. */
  readonly cursor?: CursorPosition | undefined
}

/** Where and how to write. */
export interface WritePlan {
  /** `name` or `schema.name`. */
  readonly table: string
  readonly mode: WriteMode
  /** The driver's first strategy for the mode where it is not given. */
  readonly strategy?: WriteStrategy
  /** Key columns of a merge and of a table that has to be created; the source's primary key where it is not given. */
  readonly primaryKey?: readonly string[]
  /** Of several rows with one key the one with the greatest value here wins, then the last to arrive. */
  readonly cursor?: string
  /** What `delete+insert` deletes; without it, from the least to the greatest value of `cursor` among the incoming rows,
   * both included. */
  readonly window?: KeyRange
  /** `freeze` where it is not given. */
  readonly contract?: SchemaContract
  /** Refuses a write that would delete a greater part of the target's rows, 0 to 1. */
  readonly maxDeleteRatio?: number
  /** Reads the written rows back before the commit and compares checksums of each column. */
  readonly checksum?: boolean
  /** Numbers that the target gives out itself go on after the greatest that was written (identity, AUTO_INCREMENT). */
  readonly identity?: boolean
  /** What to remember in the transaction of the data; asked for right before the commit. Undefined leaves the old value. */
  readonly state?: { readonly key: StateKey; readonly value: () => string | undefined }
  /** Commits only if this claim is the last one, and marks it in the same transaction; FENCED otherwise. */
  readonly fence?: WriteFence
  readonly policies?: Readonly<Record<string, string>>
  /** A table that has to be created gets the types of this one, by the columns' names, where they hold every value of the
   * stream as it is. */
  readonly like?: string
  /** Where the rows of all batches are too; the first batch says what the columns are. */
  readonly waiting?: WaitingRows
  /** The mutation that takes the rows, for GraphQL targets. */
  readonly graphql?: GraphqlWrite
  /** Called inside the transaction when everything is written and counted, before the commit. A throw rolls back. */
  readonly beforeCommit?: (receipt: WriteReceipt) => void | Promise<void>
}

/** Whose state it is: one stream of one pipeline. */
export interface StateKey {
  readonly pipeline: string
  readonly stream: string
}

/** State as it was saved; `value` is JSON text whose shape belongs to the runner. */
export interface SavedState extends StateKey {
  readonly value: string
  /** ISO 8601 in UTC. */
  readonly savedAt: string
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
  /** How the stream differs from an existing target, and what its contract does about it. */
  readonly drift?: readonly string[]
  /** The wire formats in which it would take these columns unparsed, the best first. */
  readonly rawFormats?: readonly string[]
}

/** Rows of a write by what became of them. */
export interface RowChanges {
  readonly inserted: number
  readonly updated: number
  readonly deleted: number
  /** The target had the key (`insert-only`) or the very row (`scd2`). */
  readonly unchanged: number
  /** Left out because another row of the same write had the same key and won. */
  readonly duplicates: number
  /** Left out by the contract `discard_row`. */
  readonly rejected: number
}

/** Counts of one write, taken at each end; they agreed, or the write was rolled back. */
export interface WriteReceipt {
  /** Rows encoded and sent. */
  readonly rowsSent: number
  /** Rows that the server's command tag reported. */
  readonly rowsConfirmed: number
  /** Rows of this write counted in the target table before the commit: all that were sent, less duplicates and rejected
   * ones. */
  readonly rowsCounted: number
  readonly changes?: RowChanges
  /** Column → checksum of what was sent, which is also that of what was read back; where `checksum` was asked for. */
  readonly checksums?: Readonly<Record<string, string>>
  readonly bytesSent: number
  readonly created: boolean
  /** How the rows got in, e.g. `direct` or `staged`. */
  readonly route: string
  readonly policyCounts: Readonly<Record<string, number>>
}

/** What to look up in the catalogue. */
export interface DiscoverRequest {
  /** Only this schema (MySQL: database); without it, all that are not the server's own. */
  readonly schema?: string
  /** Only this table, `name` or `schema.name`. */
  readonly table?: string
}

export interface ForeignKey {
  readonly columns: readonly string[]
  readonly schema: string
  readonly table: string
  readonly references: readonly string[]
}

export interface CatalogTable {
  readonly schema: string
  readonly name: string
  readonly kind: 'table' | 'view'
  readonly columns: readonly Column[]
  /** In key order; empty where there is none. */
  readonly primaryKey: readonly string[]
  /** Columns of further unique keys. */
  readonly uniqueKeys: readonly (readonly string[])[]
  readonly foreignKeys: readonly ForeignKey[]
  /** By the server's statistics; undefined where it keeps none. */
  readonly estimatedRows: number | undefined
  readonly estimatedBytes: number | undefined
}

/** Tables in the order of their names. */
export interface Catalog {
  /** Product and version, e.g. `MariaDB 10.11.6`. */
  readonly server: string
  readonly tables: readonly CatalogTable[]
}

/** Caps of one read-only query. Reaching one cuts the result, and `truncated` says so. */
export interface QueryLimits {
  readonly rows: number
  /** Bytes of all cells. */
  readonly bytes: number
  /** Bytes of one cell. */
  readonly cellBytes: number
  readonly timeoutMs: number
  /** Say in `provenance` of the result where its columns come from. */
  readonly provenance?: boolean
}

/** Rows of a read-only query as text; `bytes` columns as lower-case hex. */
export interface QueryResult {
  readonly columns: readonly Column[]
  readonly rows: readonly (readonly (string | null)[])[]
  /** What was cut, exactly: undefined for a complete result. */
  readonly truncated: 'rows' | 'bytes' | 'cells' | undefined
  /** The role could write, so that only the read-only transaction stood in the way. */
  readonly roleCanWrite: boolean
  readonly provenance?: QueryProvenance
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
  discover?(request: DiscoverRequest, signal: AbortSignal): Promise<Catalog>
  /** One statement that reads, in a transaction that the server keeps read-only. */
  query?(sql: string, limits: QueryLimits, signal: AbortSignal): Promise<QueryResult>
  /** State that writes of this pipeline have saved at this target; without a pipeline, everybody's. */
  readState?(pipeline: string | undefined, signal: AbortSignal): Promise<readonly SavedState[]>
  /** Forgets it. */
  resetState?(key: StateKey, signal: AbortSignal): Promise<void>
  /** Claims the right to commit a write with this fence. Rejects with FENCED where a later attempt has it. */
  claimWrite?(fence: WriteFence, signal: AbortSignal): Promise<ClaimOutcome>
  /** Values between which the ranges of a table lie, as bounds of a `KeyRange`, ascending as the source compares them; fewer
   * than were asked for where there are not so many. */
  splitKey?(request: KeySplitRequest, signal: AbortSignal): Promise<readonly string[]>
  /** Stands for where the rows of a table lie. Its ranges belong together in one snapshot only. */
  readonly blockColumn?: string
  /** Left out where the server has no such thing, or where a pooler stands in between; the two below go with it. */
  readonly snapshots?: SnapshotKind
  /** Holds a snapshot of this table for other sessions to enter, or tells why there is none, in words that end a sentence.
   * Nothing else can be asked of the session until it is disposed. */
  holdSnapshot?(table: string, signal: AbortSignal): Promise<HeldSnapshot | string>
  /** From now on what is extracted is of this snapshot, until a reset. False where this session is of another server, or
   * where the snapshot is gone. */
  enterSnapshot?(shared: SharedSnapshot, signal: AbortSignal): Promise<boolean>
  /** Drops the table in which finished ranges of a load wait (`partTable`), if there is one; any other is refused. */
  dropStaging?(table: string, signal: AbortSignal): Promise<void>
  /** The schema of these tables; undefined for the one of the connection. */
  readonly stagingSchema?: string
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
  /** Replaces the system's name resolution, for whatever else the session dials. */
  readonly lookup: Lookup | undefined
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
  /** What an open session dials beside its endpoint, such as a service that gives tokens. */
  reaches?(config: z.output<Schema>): readonly Endpoint[]
  open(config: z.output<Schema>, context: OpenContext): Promise<Session>
  /** The session bounds every wait for its server itself: over HTTP the first socket's silence says nothing. */
  readonly ownDeadlines?: boolean
  /** The only place that looks at a native error. Undefined for errors that it does not know. */
  classify(error: unknown): Classification | undefined
}

/** A driver for what is on this machine: there is no server, so nothing is dialled and no socket is owned. */
export interface LocalDriverSpec<Schema extends z.ZodObject>
  extends Omit<DriverSpec<Schema>, 'urlSchemes' | 'defaultPort' | 'endpoints' | 'open'> {
  /** The signal aborts when the caller's does and at the deadline for connecting. */
  open(config: z.output<Schema>, context: { readonly signal: AbortSignal }): Promise<Session>
}
