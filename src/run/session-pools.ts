import type { Pipeline } from '../config/pipeline.js'
import type { ManagedSession } from '../core/managed-session.js'
import { type Lease, SessionPool } from '../core/session-pool.js'
import { AirlockError } from '../errors/index.js'
import type { RunHost } from './run-host.js'

/** Streams hold no more sessions than there are, so waiting means that one is being closed. */
const ACQUIRE_MS = 30_000

/** Whose sessions they are: names of connections, and the streams that take them. */
export type PoolsOf = Pick<Pipeline, 'source' | 'target' | 'streams'>

/** The two ends of a stream, on loan from the pools of a run. */
export interface Ends {
  readonly source: ManagedSession
  readonly target: ManagedSession
}

/** The sessions of one run: a pool for each end, so that streams share what they open. */
export class SessionPools implements AsyncDisposable {
  /** How many streams may run at one time within both connections' `max_connections`. */
  readonly parallel: number
  #source: SessionPool
  #target: SessionPool

  private constructor(parallel: number, source: SessionPool, target: SessionPool) {
    this.parallel = parallel
    this.#source = source
    this.#target = target
  }

  /** Opens nothing yet. Throws CONFIG_INVALID where one server is both ends and may have one connection only. */
  static async create(host: RunHost, pipeline: PoolsOf, wanted: number): Promise<SessionPools> {
    // What waits at the target for a resumable stream is read there while it is written.
    const further = pipeline.streams.some((stream) => stream.resume !== undefined && !stream.disabled) ? 1 : 0
    const parallel = Math.max(1, Math.min(wanted, await streamsWithin(host, pipeline, further)))
    const pool = (name: string, each: number) =>
      new SessionPool({
        max: parallel * each,
        acquireTimeoutMs: ACQUIRE_MS,
        open: opener(host, name),
      })
    return new SessionPools(parallel, pool(pipeline.source, 1), pool(pipeline.target, 1 + further))
  }

  /** Lends one end to `work`, out of the same connections as the streams'. */
  async useOne<T>(
    end: 'source' | 'target',
    signal: AbortSignal,
    work: (session: ManagedSession) => Promise<T>,
  ): Promise<T> {
    const lease = await (end === 'source' ? this.#source : this.#target).acquire(signal)
    let reusable = false
    try {
      const result = await work(lease.session)
      reusable = true
      return result
    } finally {
      await lease.release(reusable)
    }
  }

  /** Closes what nobody uses, so that a further attempt gets new sessions. */
  async renew(): Promise<void> {
    await Promise.all([this.#source.dropIdle(), this.#target.dropIdle()])
  }

  /** Lends both ends to `work`. After a failure they are closed: what state they are in is not worth guessing. */
  async use<T>(signal: AbortSignal, work: (ends: Ends) => Promise<T>): Promise<T> {
    const [source, target] = await this.#acquire(signal)
    let reusable = false
    try {
      const result = await work({ source: source.session, target: target.session })
      reusable = true
      return result
    } finally {
      await Promise.all([source.release(reusable), target.release(reusable)])
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#source.close(), this.#target.close()])
  }

  /** Both are opened at the same time; where one cannot be, the other is given back. */
  async #acquire(signal: AbortSignal): Promise<readonly [source: Lease, target: Lease]> {
    const [source, target] = await Promise.allSettled([this.#source.acquire(signal), this.#target.acquire(signal)])
    if (source.status === 'fulfilled' && target.status === 'fulfilled') return [source.value, target.value]
    for (const acquired of [source, target]) if (acquired.status === 'fulfilled') await acquired.value.release(true)
    throw source.status === 'rejected' ? source.reason : (target as PromiseRejectedResult).reason
  }
}

/** Opens sessions of a connection until its login is refused: every further stream would repeat the same password, and
 * servers lock accounts for that. */
function opener(host: RunHost, name: string): (signal: AbortSignal) => Promise<ManagedSession> {
  let refused: AirlockError | undefined
  return async (signal) => {
    if (refused !== undefined) throw refused
    try {
      return await host.connect(name, signal)
    } catch (error) {
      if (error instanceof AirlockError && error.code === 'AUTH_FAILED') refused = error
      throw error
    }
  }
}

/** How many streams may run at one time. Two connections to one server with one user share the smaller of their
 * `max_connections`, and each stream takes two of them. `further` is how many more a stream takes of the target. */
async function streamsWithin(host: RunHost, { source, target }: PoolsOf, further: number): Promise<number> {
  const limits = [await host.connectionLimit(source), await host.connectionLimit(target)] as const
  if (limits[1] < 1 + further) {
    throw tooFew(target, 'a resumable stream takes two connections of its target: set 2 or more')
  }
  const limit = Math.min(...limits)
  const [from, to] = [await host.serverOf(source), await host.serverOf(target)]
  if (from === undefined || from !== to) return Math.min(limits[0], Math.floor(limits[1] / (1 + further)))
  if (limit < 2 + further) {
    const problem = `both ends are on one server, and a stream takes a connection at each: set ${2 + further} or more`
    throw tooFew(target, problem)
  }
  return Math.floor(limit / (2 + further))
}

function tooFew(connection: string, problem: string): AirlockError {
  const at = `connections.${connection}.max_connections`
  return new AirlockError('CONFIG_INVALID', { phase: 'plan', params: { at, problem } })
}
