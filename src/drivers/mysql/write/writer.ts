import type { Batch } from '../../../core/batch.js'
import { atMost } from '../../../core/bounded.js'
import type { WritePlan, WriteReceipt } from '../../../core/driver.js'
import { abortError } from '../../../core/errors-at-boundary.js'
import { AirlockError } from '../../../errors/index.js'
import type { MysqlConnection } from '../native.js'
import { confirmedClaim } from './fence.js'
import { loadRows } from './load.js'
import { type LoadPlan, planLoad } from './load-plan.js'
import type { Transport } from './row-sender.js'
import { dropStaging } from './staging.js'
import { ensureStateTable, saveState } from './state.js'
import { lockSwap, swapNames, swapStatements, unlockSwap } from './swap.js'

/** How long a source may take to end its statement after the write has failed. */
const RETURN_MS = 2000

/** What a write asks of its session. */
export interface WriteOwner {
  /** Does work that runs statements; an abort ends the running one on the server. */
  cancelOnAbort<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>
}

/** Writes all batches in one transaction: rows, counts at every end, state, commit. Nothing but DDL happens outside of it;
 * a table that the write has created goes again when the write fails. `transport` is chosen by what the server allows. */
export async function writeBatches(
  connection: MysqlConnection,
  owner: WriteOwner,
  plan: WritePlan,
  batches: AsyncIterable<Batch>,
  signal: AbortSignal,
  transport?: Transport,
): Promise<WriteReceipt> {
  const source = batches[Symbol.asyncIterator]()
  try {
    const first = await connection.whileUsable(source.next())
    if (first.done === true) throw new AirlockError('PROTOCOL_ERROR', { phase: 'write' })
    const write = new Write(connection, plan, signal)
    try {
      return await owner.cancelOnAbort(signal, () => write.run({ first: first.value, rest: source }, transport))
    } catch (error) {
      await write.undo()
      throw error
    } finally {
      await write.clean()
    }
  } finally {
    // The source has to hear of a failure here, or its statement would go on. One that waits for a stalled server hears
    // of it when its session is closed.
    if (source.return !== undefined) await atMost(RETURN_MS, source.return())
  }
}

/** One write, and how to leave no trace of it. */
class Write {
  #connection: MysqlConnection
  #plan: WritePlan
  #signal: AbortSignal
  #load: LoadPlan | undefined
  #undo: string[] = []
  #open = false
  #locked = false
  /** The answer to COMMIT never came. */
  #unknown = false

  constructor(connection: MysqlConnection, plan: WritePlan, signal: AbortSignal) {
    this.#connection = connection
    this.#plan = plan
    this.#signal = signal
  }

  async run(
    source: { readonly first: Batch; readonly rest: AsyncIterator<Batch> },
    transport: Transport | undefined,
  ): Promise<WriteReceipt> {
    const connection = this.#connection
    const load = await planLoad(connection, this.#plan, source.first.columns)
    this.#load = load
    if (this.#plan.state !== undefined || this.#plan.fence !== undefined) await ensureStateTable(connection)
    if (load.route === 'swap') await this.#prepareSwap(load)
    const receipt = await loadRows({
      ...{ connection, plan: this.#plan, load, source, signal: this.#signal },
      transport: transport ?? (load.facts.localInfile ? 'load' : 'insert'),
      define: (statement, undo) => this.#define(statement, undo),
      transaction: () => this.#begin(),
    })
    await this.#plan.beforeCommit?.(receipt)
    if (load.route === 'swap') await this.#finishSwap(load, receipt.rowsCounted)
    else {
      const confirm = await confirmedClaim(connection, this.#plan, receipt.rowsCounted)
      await confirm?.()
      await this.#saveState()
      this.#refuseAborted()
      await this.#commit('COMMIT')
    }
    return receipt
  }

  /** Takes back what a failed write has done. On a lost connection the server rolls back by itself. */
  async undo(): Promise<void> {
    if (this.#unknown || !this.#connection.usable) return
    if (this.#open) await this.#retried('ROLLBACK')
    this.#open = false
    for (const statement of this.#undo) await this.#retried(statement)
  }

  /** Drops what only the write itself needed. A failure here changes no outcome: the next staged load drops the tables
   * first, and both they and the lock go with the session. */
  async clean(): Promise<void> {
    if (!this.#connection.usable || this.#load === undefined) return
    const ignore = () => undefined
    if (this.#load.route === 'staged') await this.#retried(dropStaging(this.#load)).then(undefined, ignore)
    if (this.#locked) await unlockSwap(this.#connection, this.#load.target!).then(undefined, ignore)
  }

  async #define(statement: string, undo: string | undefined): Promise<void> {
    this.#refuseAborted()
    await this.#connection.execute(statement)
    if (undo !== undefined) this.#undo.push(undo)
  }

  async #begin(): Promise<void> {
    this.#refuseAborted()
    await this.#connection.execute('START TRANSACTION')
    this.#open = true
  }

  async #prepareSwap(load: LoadPlan): Promise<void> {
    await lockSwap(this.#connection, load.target!)
    this.#locked = true
    for (const statement of swapStatements(load.target!).before) {
      await this.#define(statement, `DROP TABLE IF EXISTS ${swapNames(load.target!).next}`)
    }
  }

  /** The new table is complete; its renaming is the moment at which the write happens, and its state comes after it: a
   * state that is too old does no harm. */
  async #finishSwap(load: LoadPlan, rows: number): Promise<void> {
    const [rename, drop] = swapStatements(load.target!).after
    const confirm = await confirmedClaim(this.#connection, this.#plan, rows)
    this.#refuseAborted()
    await this.#connection.execute('COMMIT')
    this.#open = false
    await this.#commit(rename!)
    this.#undo = []
    await this.#connection.execute(drop!)
    await this.#begin()
    await confirm?.()
    await this.#saveState()
    await this.#commit('COMMIT')
  }

  async #saveState(): Promise<void> {
    const value = this.#plan.state?.value()
    if (this.#plan.state === undefined || value === undefined) return
    await saveState(this.#connection, this.#plan.state.key, value)
  }

  /** Between the statement that makes a write happen and its answer nobody but the server knows. Throws OUTCOME_UNKNOWN
   * when the answer never came. */
  async #commit(statement: string): Promise<void> {
    const sent = this.#connection.usable
    try {
      await this.#connection.execute(statement)
      this.#open = false
    } catch (error) {
      if (!sent || this.#connection.usable) throw error
      this.#unknown = true
      throw new AirlockError('OUTCOME_UNKNOWN', { phase: 'write' })
    }
  }

  #refuseAborted(): void {
    if (this.#signal.aborted) throw abortError(this.#signal, 'write')
  }

  /** A KILL QUERY that arrived late hits the next statement instead; that statement may be this one. */
  async #retried(statement: string): Promise<void> {
    try {
      await this.#connection.execute(statement)
    } catch (error) {
      if (!this.#connection.usable) return
      if (!isKilled(error)) throw error
      await this.#connection.execute(statement)
    }
  }
}

function isKilled(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'errno' in error && error.errno === 1317
}
