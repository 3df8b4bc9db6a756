import type { Driver } from '../../core/define-driver.js'
import type { Lookup } from '../../core/dial.js'
import type { ManagedSession } from '../../core/managed-session.js'
import { findDriver } from '../../drivers/builtin.js'
import { AirlockError } from '../../errors/index.js'
import type { Masker } from '../../masking/index.js'
import type { RunHost } from '../run-host.js'
import { connectionLimit, serverOf } from '../server-of.js'
import type { JobConnection } from './job.js'
import type { JobTelemetry } from './job-telemetry.js'

interface Opener {
  readonly driver: Driver
  readonly settings: Readonly<Record<string, unknown>>
  readonly lookup: Lookup | undefined
}

/** Stands for a workspace where a job is performed: its two connections, with no other address than those that were
 * looked up when the job was made. Its owner closes it. */
export class JobHost implements RunHost, AsyncDisposable {
  readonly masker: Masker
  readonly telemetry: JobTelemetry
  readonly #connections = new Map<string, Opener>()
  /** Sessions that have been opened to see whether they can be, for whoever asks next. */
  readonly #ready = new Map<string, ManagedSession>()

  /** Throws DRIVER_UNKNOWN. */
  constructor(
    connections: readonly JobConnection[],
    ports: { readonly masker: Masker; readonly telemetry: JobTelemetry },
  ) {
    this.masker = ports.masker
    this.telemetry = ports.telemetry
    for (const { name, driver, settings, addresses } of connections) {
      const found = findDriver(driver)
      if (found === undefined) throw new AirlockError('DRIVER_UNKNOWN', { phase: 'remote', params: { at: name } })
      this.#connections.set(name, { driver: found, settings, lookup: addresses && pinned(addresses) })
    }
  }

  /** Opens a connection and keeps the session for the next `connect`. */
  async prepare(name: string, signal: AbortSignal): Promise<void> {
    this.#ready.set(name, await this.#open(name, signal))
  }

  async connect(name: string, signal?: AbortSignal): Promise<ManagedSession> {
    const ready = this.#ready.get(name)
    this.#ready.delete(name)
    return ready ?? (await this.#open(name, signal))
  }

  /** The host that made the job records it as a whole. */
  async audited<T>(_type: string, _data: unknown, work: () => Promise<T>): Promise<T> {
    return await work()
  }

  async serverOf(name: string): Promise<string | undefined> {
    const { driver, settings } = this.#of(name)
    return serverOf(driver, settings)
  }

  async connectionLimit(name: string): Promise<number> {
    return connectionLimit(this.#of(name).settings)
  }

  /** Closes the sessions that nobody asked for. */
  async [Symbol.asyncDispose](): Promise<void> {
    const left = [...this.#ready.values()]
    this.#ready.clear()
    await Promise.all(left.map((session) => session.close()))
  }

  async #open(name: string, signal: AbortSignal | undefined): Promise<ManagedSession> {
    const { driver, settings, lookup } = this.#of(name)
    const ports = { masker: this.masker, telemetry: this.telemetry }
    return await driver.open(settings, {
      ...{ name, ...ports },
      ...(lookup === undefined ? {} : { lookup }),
      ...(signal === undefined ? {} : { signal }),
    })
  }

  #of(name: string): Opener {
    const found = this.#connections.get(name)
    if (found === undefined) throw new AirlockError('CONNECTION_UNKNOWN', { phase: 'remote', params: { at: name } })
    return found
  }
}

/** Names have the addresses of the job, or none: another answer of a name server could lead anywhere. */
function pinned(addresses: NonNullable<JobConnection['addresses']>): Lookup {
  return async (host) => {
    const found = Object.hasOwn(addresses, host) ? addresses[host]! : []
    if (found.length === 0) throw new AirlockError('HOST_NOT_FOUND', { phase: 'connect' })
    return found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
  }
}
