import { setTimeout as sleep } from 'node:timers/promises'
import { AirlockError } from '../../errors/index.js'
import type { EngineAdmin } from './admin.js'
import type { Engine, EngineFacts, SessionFilter, TestDatabase } from './engine.js'
import { MysqlAdmin } from './mysql-admin.js'
import { PostgresAdmin } from './postgres-admin.js'

/** What an engine needs of the thing that runs it: a private process, a container, or nothing for a shared server. */
export interface EngineHost {
  stop(): Promise<void>
  kill?(): Promise<void>
  pause?(): Promise<void>
  resume?(): Promise<void>
}

/** An engine from its facts. Without a host it belongs to somebody else: `stop()` then does nothing, and `kill()`,
 * `pause()` and `resume()` throw UNSUPPORTED. */
export function connectEngine(facts: EngineFacts, host?: EngineHost): Engine {
  return new LiveEngine(facts, host)
}

class LiveEngine implements Engine {
  readonly engine: EngineFacts['engine']
  readonly version: string
  readonly origin: EngineFacts['origin']
  readonly host: string
  readonly port: number
  readonly caFile: string | undefined
  readonly serverName: string | undefined
  readonly admin: EngineFacts['admin']
  readonly pid: number | undefined
  readonly logFile: string | undefined
  readonly #admin: EngineAdmin
  readonly #host: EngineHost | undefined

  constructor(facts: EngineFacts, host: EngineHost | undefined) {
    this.engine = facts.engine
    this.version = facts.version
    this.origin = facts.origin
    this.host = facts.host
    this.port = facts.port
    this.caFile = facts.caFile
    this.serverName = facts.serverName
    this.admin = facts.admin
    this.pid = facts.pid
    this.logFile = facts.logFile
    this.#admin = adminOf(facts)
    this.#host = host
  }

  createDatabase(prefix = 'airlock'): Promise<TestDatabase> {
    return this.#admin.createDatabase(prefix)
  }

  sessions(filter: SessionFilter = {}): Promise<number> {
    return this.#admin.sessions(filter)
  }

  endSessions(filter: SessionFilter = {}): Promise<number> {
    return this.#admin.endSessions(filter)
  }

  async kill(): Promise<void> {
    await own(this.#host?.kill?.bind(this.#host))()
  }

  async pause(): Promise<void> {
    await own(this.#host?.pause?.bind(this.#host))()
  }

  async resume(): Promise<void> {
    await own(this.#host?.resume?.bind(this.#host))()
  }

  async stop(): Promise<void> {
    await this.#host?.stop()
  }
}

/** The facts alone, e.g. to hand them to a test worker. */
export function factsOf(engine: EngineFacts): EngineFacts {
  return {
    engine: engine.engine,
    version: engine.version,
    origin: engine.origin,
    host: engine.host,
    port: engine.port,
    caFile: engine.caFile,
    serverName: engine.serverName,
    admin: { user: engine.admin.user, password: engine.admin.password },
    pid: engine.pid,
    logFile: engine.logFile,
  }
}

/** The administrator's way in. To a server of ours it is the loopback address without TLS, so that it also works when
 * the server was given a bad certificate on purpose. */
export function adminOf(facts: Omit<EngineFacts, 'version'>): EngineAdmin {
  const login = facts.origin === 'url' ? facts : { ...facts, caFile: undefined }
  return facts.engine === 'mysql' ? new MysqlAdmin(login) : new PostgresAdmin(login)
}

/** Logs in again and again until the server answers; gives its version, or undefined after `ms` or when it is no more
 * `alive`. */
export async function firstAnswer(
  facts: Omit<EngineFacts, 'version'>,
  ms: number,
  alive: () => boolean,
): Promise<string | undefined> {
  const admin = adminOf(facts)
  for (const deadline = Date.now() + ms; Date.now() < deadline && alive(); ) {
    const version = await admin.version().catch(notReadyYet)
    if (version !== undefined) return version
    await sleep(30)
  }
  return undefined
}

function own(action: (() => Promise<void>) | undefined): () => Promise<void> {
  if (action !== undefined) return action
  throw new AirlockError('UNSUPPORTED', { params: { problem: 'only a private server may be killed or paused' } })
}

function notReadyYet(): undefined {
  // The loop that asks is the handler: it asks again, and gives up at its deadline.
  return undefined
}
