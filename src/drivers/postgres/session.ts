import type { Batch, Column } from '../../core/batch.js'
import { atMost } from '../../core/bounded.js'
import type {
  Extraction,
  ExtractRequest,
  OpenContext,
  Session,
  SourceDescription,
  WriteOutline,
  WritePlan,
  WriteReceipt,
} from '../../core/driver.js'
import type { PostgresConfig } from './config.js'
import { describeSource, extractRows, type StatementOwner } from './extractor.js'
import { outlineOf, planLoad } from './load-plan.js'
import { connectPostgres, type PostgresConnection } from './native.js'
import { sessionSettings } from './sql.js'
import { writeBatches } from './writer.js'

/** How long a cancelled statement may take to end before its connection is destroyed. */
const CANCEL_MS = 1500

/** An open Postgres connection with its settings pinned. */
export class PostgresSession implements Session, StatementOwner {
  #connection: PostgresConnection
  #context: OpenContext

  private constructor(connection: PostgresConnection, context: OpenContext) {
    this.#connection = connection
    this.#context = context
  }

  /** Authenticates over the attempt's socket and pins the session's settings. */
  static async open(config: PostgresConfig, context: OpenContext): Promise<PostgresSession> {
    const connection = await connectPostgres(config, context)
    const { text, values } = sessionSettings(config.statement_timeout_ms, config.idle_timeout_ms)
    await connection.query(text, values)
    return new PostgresSession(connection, context)
  }

  describe(request: ExtractRequest): Promise<SourceDescription> {
    return describeSource(this.#connection, request)
  }

  extract(request: ExtractRequest, signal: AbortSignal): Extraction {
    return extractRows(this.#connection, this, request, signal)
  }

  async outline(plan: WritePlan, columns: readonly Column[]): Promise<WriteOutline> {
    return outlineOf(await planLoad(this.#connection, plan, columns), plan)
  }

  async write(plan: WritePlan, batches: AsyncIterable<Batch>, signal: AbortSignal): Promise<WriteReceipt> {
    const abort = () => void this.#cancel()
    signal.addEventListener('abort', abort, { once: true })
    try {
      return await writeBatches(this.#connection, plan, batches, signal)
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  async ping(): Promise<void> {
    await this.#connection.query('SELECT 1')
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

  /** A statement that does not end within the deadline takes its connection with it. */
  async #cancel(): Promise<void> {
    const sent = await atMost(CANCEL_MS, this.#connection.cancel(this.#context, AbortSignal.timeout(CANCEL_MS)))
    void sent
  }
}
