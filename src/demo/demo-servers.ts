import { AirlockError } from '../errors/index.js'
import type { Engine, EngineMissing, TestDatabase } from '../testing/engines/index.js'
import { unlessAborted } from './unless-aborted.js'

/** A database of the demo and the server that it lives on. */
export interface DemoDatabase {
  readonly engine: Engine
  readonly database: TestDatabase
}

/** The servers of one demo: MySQL or MariaDB where there is one, else Postgres alone, as source and target. Owns what it
 * started: servers of its own end with it, on somebody else's server its databases are dropped. */
export class DemoServers implements AsyncDisposable {
  readonly engines: readonly Engine[]
  /** Why Postgres has to be the source as well. */
  readonly missing: EngineMissing | undefined
  readonly #signal: AbortSignal
  #databases: DemoDatabase[] = []

  private constructor(engines: readonly Engine[], missing: EngineMissing | undefined, signal: AbortSignal) {
    this.engines = engines
    this.missing = missing
    this.#signal = signal
  }

  /** Finds or starts the servers. Throws ENGINE_MISSING where there is no Postgres, the signal's reason on abort: servers
   * that are just starting then end with this process, by their watchdogs. */
  static async start(signal: AbortSignal): Promise<DemoServers> {
    const { isMissing, startEngine } = await import('../testing/engines/index.js')
    const starting = Promise.all([startEngine('mysql'), startEngine('postgres')])
    const [mysql, postgres] = await unlessAborted(signal, starting)
    if (!isMissing(postgres)) {
      return isMissing(mysql)
        ? new DemoServers([postgres], mysql, signal)
        : new DemoServers([mysql, postgres], undefined, signal)
    }
    if (!isMissing(mysql)) await mysql.stop()
    throw new AirlockError('ENGINE_MISSING', { phase: 'connect', params: { engine: 'Postgres' } })
  }

  /** An empty database of its own on the source's or the target's server. */
  async createDatabase(side: 'source' | 'target', prefix: string): Promise<DemoDatabase> {
    const engine = this.engines.at(side === 'source' ? 0 : -1)!
    const created = { engine, database: await engine.createDatabase(prefix) }
    this.#databases.push(created)
    return created
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const shared = this.#databases.filter(({ engine }) => engine.origin === 'url')
    await Promise.all(shared.map(({ database }) => database.drop()))
    await Promise.all(this.engines.map((engine) => this.#stop(engine)))
  }

  /** Whoever pressed Ctrl-C does not wait for a server to write out data that nobody needs. */
  async #stop(engine: Engine): Promise<void> {
    const isOwnProcess = engine.pid !== undefined
    if (this.#signal.aborted && isOwnProcess) await engine.kill()
    await engine.stop()
  }
}
