import { join } from 'node:path'
import { createCache, currentSession, type TwoTierCache } from '../cache/index.js'
import type { Config } from '../config/config.js'
import { type Environment, readEnvironment, type Variables } from '../config/environment.js'
import { loadConfig } from '../config/load-config.js'
import type { Driver, OpenOptions } from '../core/define-driver.js'
import type { Endpoint } from '../core/driver.js'
import type { ManagedSession } from '../core/managed-session.js'
import { builtinDrivers, findDriver } from '../drivers/builtin.js'
import { AirlockError } from '../errors/index.js'
import { createMasker, type Masker } from '../masking/index.js'
import { type RemoteSettings, remoteSettings } from '../remote/remote-settings.js'
import { AuditLog, DebugSink, Telemetry } from '../sinks/index.js'
import type { RunHost } from './run-host.js'
import { addressOf, connectionLimit, serverOf } from './server-of.js'

const CATALOGUE_MS = 600_000

export interface WorkspaceOptions {
  /** airlock.yaml; without it the nearest one from `cwd` upwards. */
  readonly configFile?: string | undefined
  readonly cwd?: string
  /** What secret references read, in place of this process's environment. */
  readonly env?: Variables
  /** Masked records of native errors are kept, whatever the configuration says. */
  readonly debug?: boolean
}

/** The composition root: everything that exists once per process and is handed down from here. Its owner closes it. */
export class Workspace implements RunHost, AsyncDisposable {
  readonly config: Config
  readonly masker: Masker
  readonly telemetry: Telemetry
  readonly debug: DebugSink
  #variables: Variables
  #audit: Promise<AuditLog> | undefined
  #catalogues: Promise<TwoTierCache> | undefined
  #closing: Promise<void> | undefined

  private constructor(config: Config, masker: Masker, environment: Environment, debug: boolean) {
    this.config = config
    this.masker = masker
    this.#variables = environment.variables
    const kept = config.telemetry.enabled ? { dir: join(config.home, 'telemetry') } : {}
    this.telemetry = Telemetry.open({ ...kept, masker, session: sessionId })
    this.debug = new DebugSink({
      dir: join(config.home, 'debug'),
      masker,
      enabled: debug || environment.debug || config.debug.enabled,
    })
  }

  /** Loads the configuration. Every secret that it resolves later is masked from that moment on. */
  static async open(options: WorkspaceOptions = {}): Promise<Workspace> {
    const masker = createMasker({})
    const environment = options.env === undefined ? readEnvironment() : readEnvironment(options.env)
    const config = await loadConfig({
      file: options.configFile,
      cwd: options.cwd ?? process.cwd(),
      env: environment.variables,
      drivers: Object.fromEntries(Object.entries(builtinDrivers).map(([name, { spec }]) => [name, spec])),
      remotes: { e2b: { config: remoteSettings } },
      onSecret: (secret) => masker.add(secret.reveal()),
    })
    return new Workspace(config, masker, environment, options.debug === true)
  }

  /** The variables of this process, some of which would redirect the client library of a platform. They hold secrets. */
  variables(): Variables {
    return this.#variables
  }

  /** What the configuration says of the platform of sandboxes. Throws CONFIG_INVALID where it says nothing, and what
   * resolving references throws. */
  async remoteSettings(): Promise<RemoteSettings> {
    const settings = await this.config.e2b()
    if (settings !== undefined) return settings as RemoteSettings
    const problem = 'it is missing: name at least an api_key, see docs/remote.md'
    throw new AirlockError('CONFIG_INVALID', { phase: 'config', params: { at: 'remote.e2b', problem } })
  }

  /** Where audit records go, or undefined where the configuration turned them off. */
  get auditDir(): string | undefined {
    return this.config.audit.enabled ? join(this.config.home, 'audit') : undefined
  }

  /** What servers said of their tables, kept for ten minutes under `home/cache` for all processes. */
  catalogues(): Promise<TwoTierCache> {
    this.#catalogues ??= createCache({ dir: join(this.config.home, 'cache', 'catalogues'), ttlMs: CATALOGUE_MS })
    return this.#catalogues
  }

  /** Runs `work` between an intent record and an outcome record; without its intent recorded it does not run. */
  async audited<T>(type: string, data: unknown, work: () => Promise<T>, describe?: (result: T) => unknown): Promise<T> {
    const dir = this.auditDir
    if (dir === undefined) return await work()
    this.#audit ??= AuditLog.open({ dir, masker: this.masker, session: sessionId })
    const audit = await this.#audit
    return await audit.guard({ type, data }, work, describe)
  }

  /** Opens a connection of the configuration; the caller closes the session. */
  async connect(
    name: string,
    signal?: AbortSignal,
    options: Pick<OpenOptions, 'endpoint' | 'onStep'> = {},
  ): Promise<ManagedSession> {
    const { driver: found, settings } = await this.#driverOf(name)
    return await found.open(settings, {
      ...options,
      name,
      masker: this.masker,
      telemetry: this.telemetry,
      debug: this.debug,
      ...(signal === undefined ? {} : { signal }),
    })
  }

  /** Where a connection leads, in the order of trying. */
  async endpoints(name: string): Promise<readonly Endpoint[]> {
    const { driver, settings } = await this.#driverOf(name)
    return driver.endpoints(settings)
  }

  /** Every place that a session of a connection may dial. */
  async reaches(name: string): Promise<readonly Endpoint[]> {
    const { driver, settings } = await this.#driverOf(name)
    return driver.reaches(settings)
  }

  /** What two connections to one server with one user have in common, in no form to be shown; undefined for what is no
   * server. */
  async serverOf(name: string): Promise<string | undefined> {
    const { driver, settings } = await this.#driverOf(name)
    return serverOf(driver, settings)
  }

  /** How many sessions of a connection may be open at one time. */
  async connectionLimit(name: string): Promise<number> {
    return connectionLimit((await this.config.connection(name)).settings)
  }

  /** The schema of the tables that a connection's SQL names without one; undefined where there is none. */
  async ownSchema(name: string): Promise<string | undefined> {
    const { driver, settings } = await this.#driverOf(name)
    const { family } = driver.spec
    if (family === 'mysql') return addressOf(driver, settings).database
    return family === 'postgres' || family === 'supabase' ? 'public' : undefined
  }

  async #driverOf(name: string): Promise<{ readonly driver: Driver; readonly settings: Record<string, unknown> }> {
    const { driver, settings } = await this.config.connection(name)
    const found = findDriver(driver)
    if (found === undefined) throw new AirlockError('DRIVER_UNKNOWN', { params: { at: name } })
    return { driver: found, settings }
  }

  /** Idempotent and bounded: flushes and closes the sinks. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    await this.telemetry.stop()
    await this.debug.close()
    await this.#catalogues?.then((cache) => cache.close(), neverOpened)
    await this.#audit?.then((audit) => audit.close(), neverOpened)
  }
}

function neverOpened(): void {
  // Whoever wanted to record something was refused with the error; a second one here would hide it.
}

/** The run or request on whose behalf the calling code runs; records carry it. */
function sessionId(): string | undefined {
  return currentSession()?.id
}
