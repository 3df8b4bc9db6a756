import type { Batch, Column } from '../../core/batch.js'
import { atMost } from '../../core/bounded.js'
import type {
  Catalog,
  DiscoverRequest,
  Extraction,
  ExtractRequest,
  OpenContext,
  Privileges,
  QueryLimits,
  QueryResult,
  SavedState,
  Session,
  SourceDescription,
  StateKey,
  WriteOutline,
  WritePlan,
  WriteReceipt,
} from '../../core/driver.js'
import type { KeySplitRequest } from '../../core/key-split.js'
import { wholeLimits } from '../../core/query-limits.js'
import { withinTime } from '../../core/query-time.js'
import type { HeldSnapshot, SharedSnapshot } from '../../core/shared-snapshot.js'
import type { ClaimOutcome, WriteFence } from '../../core/write-fence.js'
import { discoverPostgres } from './catalogue/discovery.js'
import { queryPostgres } from './catalogue/query.js'
import type { PostgresConfig } from './config.js'
import { connectPostgres, type PostgresConnection } from './native.js'
import { BLOCK_COLUMN } from './read/blocks.js'
import { extractRows, type ReadBy, type StatementOwner } from './read/extractor.js'
import { splitKey } from './read/key-split.js'
import { relayFormats } from './read/relay.js'
import { enterSnapshot, holdSnapshot } from './read/snapshot.js'
import { describeSource } from './read/source.js'
import { PRIVILEGES, pinSettings } from './sql.js'
import { Transactions } from './transaction.js'
import { claimWrite } from './write/fence.js'
import { planLoad } from './write/load-plan.js'
import { outlineOf } from './write/outline.js'
import { dropPartTable, PART_SCHEMA } from './write/part-tables.js'
import type { WriteBy } from './write/sending.js'
import { readState, resetState } from './write/state.js'
import { writeBatches } from './write/writer.js'

/** How long a cancelled statement may take to end before its connection is destroyed. */
const CANCEL_MS = 1500

/** How long a server session is ours: until we leave it, or, through a pooler, until the end of a transaction. */
export type Pooling = 'session' | 'transaction'

/** An open Postgres connection with its settings pinned. */
export class PostgresSession implements Session, StatementOwner {
  #connection: PostgresConnection
  #transactions: Transactions
  #context: OpenContext
  /** Undefined where a pooler forgets everything between two transactions by itself. */
  #settings: ReturnType<typeof pinSettings> | undefined
  #statementMs: number | undefined
  #readBy: ReadBy = 'copy'
  #writeBy: WriteBy = 'binary'
  readonly stagingSchema = PART_SCHEMA
  readonly blockColumn = BLOCK_COLUMN
  /** Undefined through a pooler: the next session may be one of another server. */
  readonly snapshots?: 'kept'

  private constructor(
    connection: PostgresConnection,
    transactions: Transactions,
    context: OpenContext,
    settings: ReturnType<typeof pinSettings> | undefined,
    statementMs: number | undefined,
  ) {
    this.#connection = connection
    this.#transactions = transactions
    this.#context = context
    this.#settings = settings
    this.#statementMs = statementMs
    if (settings !== undefined) this.snapshots = 'kept'
  }

  /** Authenticates over the attempt's socket and pins the session's settings. With `pooling: 'transaction'` the server
   * session changes from one transaction to the next: settings are pinned in each, nothing is left behind in any, and
   * every statement runs inside one. */
  static async open(
    config: PostgresConfig,
    context: OpenContext,
    {
      pooling = 'session',
      readBy = 'copy',
      writeBy = 'binary',
    }: { readonly pooling?: Pooling; readonly readBy?: ReadBy; readonly writeBy?: WriteBy } = {},
  ): Promise<PostgresSession> {
    const connection = await connectPostgres(config, context)
    const settings = pinSettings(pooling, {
      statementMs: config.statement_timeout_ms,
      idleMs: config.idle_timeout_ms,
    })
    if (pooling === 'session') await connection.query(settings.text, settings.values)
    const transactions = new Transactions(connection, pooling === 'session' ? undefined : settings)
    const session = new PostgresSession(
      connection,
      transactions,
      context,
      pooling === 'session' ? settings : undefined,
      config.statement_timeout_ms,
    )
    session.#readBy = readBy
    session.#writeBy = writeBy
    // A pooler lets us in before it has a server for us; whether it gets one shows with the first statement.
    if (pooling === 'transaction') await session.ping()
    return session
  }

  describe(request: ExtractRequest): Promise<SourceDescription> {
    return this.#transactions.reading(() => describeSource(this.#connection, request))
  }

  extract(request: ExtractRequest, signal: AbortSignal): Extraction {
    const [connection, transactions, readBy] = [this.#connection, this.#transactions, this.#readBy]
    return extractRows({ connection, transactions, owner: this, readBy }, request, signal)
  }

  async outline(plan: WritePlan, columns: readonly Column[]): Promise<WriteOutline> {
    const planned = await this.#transactions.reading(() => planLoad(this.#connection, plan, columns))
    return { ...outlineOf(planned, plan), rawFormats: plan.checksum === true ? [] : relayFormats(planned) }
  }

  async write(plan: WritePlan, batches: AsyncIterable<Batch>, signal: AbortSignal): Promise<WriteReceipt> {
    const abort = () => void this.#cancel()
    signal.addEventListener('abort', abort, { once: true })
    try {
      return await writeBatches(this.#connection, this.#transactions, plan, batches, signal, this.#writeBy)
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  readState(pipeline: string | undefined): Promise<readonly SavedState[]> {
    return readState(this.#connection, this.#transactions, pipeline)
  }

  resetState(key: StateKey): Promise<void> {
    return resetState(this.#connection, this.#transactions, key)
  }

  claimWrite(fence: WriteFence): Promise<ClaimOutcome> {
    return claimWrite(this.#connection, this.#transactions, fence)
  }

  splitKey(request: KeySplitRequest, signal: AbortSignal): Promise<readonly string[]> {
    return this.cancelOnAbort(signal, () => this.#transactions.reading(() => splitKey(this.#connection, request)))
  }

  holdSnapshot(table: string, signal: AbortSignal): Promise<HeldSnapshot | string> {
    return this.cancelOnAbort(signal, () => holdSnapshot(this.#connection, this.#transactions, table))
  }

  enterSnapshot(shared: SharedSnapshot, signal: AbortSignal): Promise<boolean> {
    return this.cancelOnAbort(signal, () => enterSnapshot(this.#connection, this.#transactions, shared))
  }

  dropStaging(table: string, signal: AbortSignal): Promise<void> {
    return this.cancelOnAbort(signal, () => dropPartTable(this.#connection, this.#transactions, table))
  }

  async ping(): Promise<void> {
    await this.#transactions.reading(() => this.#connection.query('SELECT 1'))
  }

  discover(request: DiscoverRequest, signal: AbortSignal): Promise<Catalog> {
    return this.cancelOnAbort(signal, () =>
      this.#transactions.reading(() => discoverPostgres(this.#connection, request)),
    )
  }

  async query(sql: string, limits: QueryLimits, signal: AbortSignal): Promise<QueryResult> {
    const whole = wholeLimits(limits, this.#statementMs)
    const owner = { cancel: () => this.#cancel(), privileges: () => this.#privileges() }
    const giveUp = () => this.#context.socket.destroy()
    return await withinTime({ ms: whole.timeoutMs, signal, giveUp }, (limited) =>
      this.cancelOnAbort(limited, async () => {
        try {
          return await queryPostgres(this.#connection, this.#transactions, sql, whole, owner)
        } finally {
          await this.#forgetQuery()
        }
      }),
    )
  }

  privileges(): Promise<Privileges> {
    return this.#transactions.reading(() => this.#privileges())
  }

  async reset(): Promise<void> {
    await this.#transactions.letGo()
    if (this.#settings === undefined) return
    // Refused inside a transaction: a session that is still in one is not fit for anybody else.
    await this.#connection.query('DISCARD ALL')
    await this.#connection.query(this.#settings.text, this.#settings.values)
  }

  async cancelStatement(finished: Promise<void>): Promise<void> {
    if (!this.#connection.usable) return
    const cancelled = this.#cancel()
    const done = await atMost(CANCEL_MS, Promise.all([cancelled, finished]))
    if (done === undefined) this.#context.socket.destroy()
  }

  async close(): Promise<void> {
    await this.#connection.end()
  }

  async cancelOnAbort<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const abort = () => void this.#cancel()
    signal.addEventListener('abort', abort, { once: true })
    try {
      return await work()
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  /** Locks and settings of the session that a function may have left; where that fails, nobody gets the session. */
  async #forgetQuery(): Promise<void> {
    try {
      if (this.#connection.usable) await this.reset()
    } catch {
      this.#context.socket.destroy()
    }
  }

  async #privileges(): Promise<Privileges> {
    const { rows } = await this.#connection.query(PRIVILEGES)
    const [superuser, canWrite] = rows[0] ?? []
    return { superuser: superuser === 't', canWrite: canWrite === 't' }
  }

  /** A statement that does not end within the deadline takes its connection with it. */
  async #cancel(): Promise<void> {
    await atMost(CANCEL_MS, this.#connection.cancel(this.#context, AbortSignal.timeout(CANCEL_MS)))
  }
}
