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
  Session,
  SourceDescription,
} from '../../core/driver.js'
import { withinTime } from '../../core/query-time.js'
import type { MysqlConfig } from './config.js'
import { discoverMysql } from './discovery.js'
import { extractRows, type StatementOwner } from './extractor.js'
import { connectMysql, type MysqlConnection } from './native.js'
import { queryMysql } from './query.js'
import { describeSource } from './source.js'
import { sessionSettings } from './sql.js'

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

/** An open MySQL or MariaDB connection with its settings pinned. */
export class MysqlSession implements Session, StatementOwner {
  #connection: MysqlConnection
  #config: MysqlConfig
  #context: OpenContext
  #native: { readonly rowHook: boolean }

  private constructor(
    connection: MysqlConnection,
    config: MysqlConfig,
    context: OpenContext,
    native: { readonly rowHook: boolean },
  ) {
    this.#connection = connection
    this.#config = config
    this.#context = context
    this.#native = native
  }

  /** Authenticates over the attempt's socket and pins the session's settings. */
  static async open(
    config: MysqlConfig,
    context: OpenContext,
    native: { readonly rowHook: boolean },
  ): Promise<MysqlSession> {
    const session = new MysqlSession(await connectMysql(config, context, native), config, context, native)
    await session.#pinSettings()
    return session
  }

  describe(request: ExtractRequest, signal: AbortSignal): Promise<SourceDescription> {
    return this.cancelOnAbort(signal, () => describeSource(this.#connection, request))
  }

  extract(request: ExtractRequest, signal: AbortSignal): Extraction {
    return extractRows(this.#connection, this, request, signal)
  }

  discover(request: DiscoverRequest, signal: AbortSignal): Promise<Catalog> {
    return this.cancelOnAbort(signal, () => discoverMysql(this.#connection, request))
  }

  async query(sql: string, limits: QueryLimits, signal: AbortSignal): Promise<QueryResult> {
    const timeoutMs = Math.min(limits.timeoutMs, this.#config.statement_timeout_ms ?? limits.timeoutMs)
    const giveUp = () => this.#context.socket.destroy()
    return await withinTime({ ms: timeoutMs, signal, giveUp }, async (limited) => {
      try {
        return await queryMysql(this.#connection, this, sql, { ...limits, timeoutMs }, limited)
      } finally {
        // Its limits, and what the statement may have left: variables, locks.
        if (this.#connection.usable) await this.reset()
      }
    })
  }

  async ping(): Promise<void> {
    await this.#connection.query('SELECT 1')
  }

  async cancelOnAbort<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const abort = () => void atMost(CANCEL_MS, this.#kill())
    signal.addEventListener('abort', abort, { once: true })
    try {
      return await work()
    } finally {
      signal.removeEventListener('abort', abort)
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
