import type { ManagedSession } from '../core/managed-session.js'
import type { Masker } from '../masking/index.js'
import type { Telemetry } from '../sinks/index.js'

/** What running streams needs of the process that it is in: a workspace on this machine, or the job of a worker in a
 * sandbox. */
export interface RunHost {
  readonly masker: Pick<Masker, 'error'>
  readonly telemetry: Pick<Telemetry, 'add' | 'addPolicies' | 'emit'>
  /** Runs `work` between an intent record and an outcome record; without its intent recorded it does not run. */
  audited<T>(type: string, data: unknown, work: () => Promise<T>, describe?: (result: T) => unknown): Promise<T>
  /** Opens a connection by its name; the caller closes the session. */
  connect(name: string, signal?: AbortSignal): Promise<ManagedSession>
  /** What two connections to one server with one user have in common, in no form to be shown; undefined for what is no
   * server. */
  serverOf(name: string): Promise<string | undefined>
  /** How many sessions of a connection may be open at one time. */
  connectionLimit(name: string): Promise<number>
}
