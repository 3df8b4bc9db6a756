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
import { AirlockError } from '../../errors/index.js'
import { discoverMysql } from './catalogue/discovery.js'
import { queryMysql } from './catalogue/query.js'
import type { MysqlConfig } from './config.js'
import { connectMysql, type MysqlConnection } from './native.js'
import { extractRows, type StatementOwner } from './read/extractor.js'
import { splitKey } from './read/key-split.js'
import { enterSnapshot, lockForSnapshot } from './read/snapshot.js'
import { describeSource } from './read/source.js'
import { sessionSettings } from './sql.js'
import { claimWrite } from './write/fence.js'
import { planLoad } from './write/load-plan.js'
import { outlineOf } from './write/outline.js'
import { dropPartTable } from './write/part-tables.js'
import type { Transport } from './write/row-sender.js'
import { readState, resetState } from './write/state.js'
import { writeBatches } from './write/writer.js'

/** How long a cancelled statement may take to end before its connection is destroyed. */
const CANCEL_MS = 1500

/** Privileges that change data or tables. */
const WRITING = ['ALL PRIVILEGES', 'INSERT', 'UPDATE', 'DELETE', 'CREATE', 'DROP', 'ALTER', 'FILE', 'SUPER'] as const

/** The words between GRANT and ON of a row of SHOW GRANTS, without column lists. */
function grantedWords(grant: string): { readonly words: ReadonlySet<string>; readonly everywhere: boolean } {
  const match = /^GRANT (.*?) ON (\S+)/.exec(grant)
  const words = (match?.[1] ?? '').replace(/\([^)]*\)/g, '').split(',')
  return { words: new Set(words.map((word) => word.trim())), everywhere: match?.[2] === '*.*' }
}

/** How the client library is used, where there is a choice: `transport` is what the server allows if it is not given. */
export interface NativeChoices {
  readonly rowHook: boolean
  readonly transport?: Transport
}

/** An open MySQL or MariaDB connection with its settings pinned. */
export class MysqlSession implements Session, StatementOwner {
  #connection: MysqlConnection
  #config: MysqlConfig
  #context: OpenContext
  #native: NativeChoices
  #inSnapshot = false
  readonly snapshots = 'locked'

  private constructor(connection: MysqlConnection, config: MysqlConfig, context: OpenContext, native: NativeChoices) {
    this.#connection = connection
    this.#config = config
    this.#context = context
    this.#native = native
  }

  /** Authenticates over the attempt's socket and pins the session's settings. */
  static async open(config: MysqlConfig, context: OpenContext, native: NativeChoices): Promise<MysqlSession> {
    const session = new MysqlSession(await connectMysql(config, context, native), config, context, native)
    await session.#pinSettings()
    return session
  }

  describe(request: ExtractRequest, signal: AbortSignal): Promise<SourceDescription> {
    return this.cancelOnAbort(signal, () => describeSource(this.#connection, request))
  }

  extract(request: ExtractRequest, signal: AbortSignal): Extraction {
    const [connection, inSnapshot] = [this.#connection, this.#inSnapshot]
    return extractRows({ connection, owner: this, inSnapshot }, request, signal)
  }

  discover(request: DiscoverRequest, signal: AbortSignal): Promise<Catalog> {
    return this.cancelOnAbort(signal, () => discoverMysql(this.#connection, request))
  }

  async query(sql: string, limits: QueryLimits, signal: AbortSignal): Promise<QueryResult> {
    const whole = wholeLimits(limits, this.#config.statement_timeout_ms)
    const giveUp = () => this.#context.socket.destroy()
    return await withinTime({ ms: whole.timeoutMs, signal, giveUp }, async (limited) => {
      try {
        return await queryMysql(this.#connection, this, sql, whole, limited)
      } finally {
        await this.#forgetQuery()
      }
    })
  }

  outline(plan: WritePlan, columns: readonly Column[], signal: AbortSignal): Promise<WriteOutline> {
    return this.cancelOnAbort(signal, async () => outlineOf(await planLoad(this.#connection, plan, columns), plan))
  }

  async write(plan: WritePlan, batches: AsyncIterable<Batch>, signal: AbortSignal): Promise<WriteReceipt> {
    if (this.#config.read_only) throw new AirlockError('READ_ONLY', { phase: 'write' })
    return await writeBatches(this.#connection, this, plan, batches, signal, this.#native.transport)
  }

  readState(pipeline: string | undefined, signal: AbortSignal): Promise<readonly SavedState[]> {
    return this.cancelOnAbort(signal, () => readState(this.#connection, pipeline))
  }

  async resetState(key: StateKey, signal: AbortSignal): Promise<void> {
    if (this.#config.read_only) throw new AirlockError('READ_ONLY', { phase: 'write' })
    return await this.cancelOnAbort(signal, () => resetState(this.#connection, key))
  }

  async claimWrite(fence: WriteFence, signal: AbortSignal): Promise<ClaimOutcome> {
    if (this.#config.read_only) throw new AirlockError('READ_ONLY', { phase: 'write' })
    return await this.cancelOnAbort(signal, () => claimWrite(this.#connection, fence))
  }

  splitKey(request: KeySplitRequest, signal: AbortSignal): Promise<readonly string[]> {
    return this.cancelOnAbort(signal, () => splitKey(this.#connection, request))
  }

  holdSnapshot(table: string, signal: AbortSignal): Promise<HeldSnapshot | string> {
    return this.cancelOnAbort(signal, () => lockForSnapshot(this.#connection, table))
  }

  async enterSnapshot(shared: SharedSnapshot, signal: AbortSignal): Promise<boolean> {
    this.#inSnapshot = await this.cancelOnAbort(signal, () => enterSnapshot(this.#connection, shared))
    return this.#inSnapshot
  }

  async dropStaging(table: string, signal: AbortSignal): Promise<void> {
    if (this.#config.read_only) throw new AirlockError('READ_ONLY', { phase: 'write' })
    return await this.cancelOnAbort(signal, () => dropPartTable(this.#connection, table))
  }

  async ping(): Promise<void> {
    await this.#connection.query('SELECT 1')
  }

  async cancelOnAbort<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    let killing: Promise<unknown> | undefined
    const abort = () => {
      killing = atMost(CANCEL_MS, this.#kill())
    }
    signal.addEventListener('abort', abort, { once: true })
    try {
      return await work()
    } finally {
      signal.removeEventListener('abort', abort)
      // Until the request has ended it may hit whatever runs next.
      await killing
    }
  }

  async privileges(): Promise<Privileges> {
    const { rows } = await this.#connection.query('SHOW GRANTS')
    const grants = rows.map(([grant]) => grantedWords(grant ?? ''))
    return {
      superuser: grants.some(
        ({ words, everywhere }) => words.has('SUPER') || (everywhere && words.has('ALL PRIVILEGES')),
      ),
      canWrite: grants.some(({ words }) => WRITING.some((word) => words.has(word))),
    }
  }

  async reset(): Promise<void> {
    // Rolls back, drops temporary tables and unsets variables, all in one.
    await this.#connection.reset()
    this.#inSnapshot = false
    await this.#pinSettings()
  }

  async cancelStatement(finished: Promise<void>): Promise<void> {
    if (!this.#connection.usable) return
    const killed = this.#kill()
    const done = await atMost(CANCEL_MS, Promise.all([killed, finished]))
    if (done === undefined) this.#context.socket.destroy()
  }

  async close(): Promise<void> {
    await this.#connection.end()
  }

  /** Its limits, which would cut what is read next, and what the statement may have left: variables, locks. Where that
   * fails, nobody gets the session. */
  async #forgetQuery(): Promise<void> {
    try {
      if (this.#connection.usable) await this.reset()
    } catch {
      this.#context.socket.destroy()
    }
  }

  async #pinSettings(): Promise<void> {
    const settings = sessionSettings(this.#config.statement_timeout_ms, this.#connection.mariadb)
    for (const statement of settings) await this.#connection.query(statement)
  }

  /** KILL QUERY over a connection of its own: this one is busy with the rows of the statement. */
  async #kill(): Promise<void> {
    const signal = AbortSignal.timeout(CANCEL_MS)
    const socket = await this.#context.dialAgain(signal)
    const abort = () => socket.destroy()
    signal.addEventListener('abort', abort, { once: true })
    try {
      const side = await connectMysql(this.#config, { ...this.#context, socket, signal }, this.#native)
      await side.query(`KILL QUERY ${this.#connection.threadId}`)
      await side.end()
    } finally {
      signal.removeEventListener('abort', abort)
      socket.destroy()
    }
  }
}
