import { Semaphore } from 'async-mutex'
import type { Pipeline, PipelineStream } from '../config/pipeline.js'
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

/** Sessions of the source in the places of pairs. */
export interface TakenReaders {
  readonly leases: readonly Lease[]
  /** Gives the sessions that nobody has given back, and the places, once. */
  release(reusable: boolean): Promise<void>
}

/** The sessions of one run: a pool for each end, so that streams share what they open. */
export class SessionPools implements AsyncDisposable {
  /** How many streams may run at one time within both connections' `max_connections`. */
  readonly parallel: number
  /** A stream that is divided takes several pairs, of which there are no more than `parallel`: who comes later waits. */
  #pairs: Semaphore
  /** How many streams may be divided that do not ask for it. */
  #further: number
  #source: SessionPool
  #target: SessionPool

  private constructor(parallel: number, further: number, source: SessionPool, target: SessionPool) {
    this.parallel = parallel
    this.#further = further
    this.#pairs = new Semaphore(parallel)
    this.#source = source
    this.#target = target
  }

  /** Opens nothing yet. Throws CONFIG_INVALID where one server is both ends and may have one connection only. */
  static async create(host: RunHost, pipeline: PoolsOf, wanted: number): Promise<SessionPools> {
    const parallel = await pairsWithin(host, pipeline, Math.max(1, wanted))
    const needs = needsOf(pipeline, parallel)
    const further = await furtherWithin(host, pipeline, parallel, needs)
    const pool = (name: string, max: number) =>
      new SessionPool({ max, acquireTimeoutMs: ACQUIRE_MS, open: opener(host, name) })
    const [source, target] = [needs.source + further, needs.target + further]
    return new SessionPools(parallel, further, pool(pipeline.source, source), pool(pipeline.target, target))
  }

  /** How many pairs each of so many streams may take that do not ask to be divided, so that none waits for another. Where
   * there is no further session for the snapshot, one of its pairs is kept for that. */
  spare(streams: number): number {
    const each = Math.floor(this.parallel / Math.max(1, streams))
    return Math.max(1, streams > this.#further ? each - 1 : each)
  }

  /** Lends one end to `work`, out of the same connections as the streams'. */
  async useOne<T>(
    end: 'source' | 'target',
    signal: AbortSignal,
    work: (session: ManagedSession) => Promise<T>,
  ): Promise<T> {
    const lease = await this.lease(end, signal)
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

  /** Lends both ends to `work`, once fewer than `parallel` pairs are on loan. After a failure they are closed: what state
   * they are in is not worth guessing. */
  async use<T>(signal: AbortSignal, work: (ends: Ends) => Promise<T>): Promise<T> {
    return await this.#pairs.runExclusive(() => this.#lend(signal, work))
  }

  /** One session of an end, out of the same connections as the streams'. Whoever takes it releases it. */
  lease(end: 'source' | 'target', signal: AbortSignal): Promise<Lease> {
    return (end === 'source' ? this.#source : this.#target).acquire(signal)
  }

  /** Takes sessions of the source alone, each in the place of a pair: as many as are free, up to `most`, and one at least.
   * Whoever works with one takes its target by `useOne`. */
  async takeReaders(signal: AbortSignal, most: number): Promise<TakenReaders> {
    const { count, release: leave } = await this.#takePairs(most)
    const acquired = await Promise.allSettled(Array.from({ length: count }, () => this.#source.acquire(signal)))
    const leases = acquired.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    const release = async (reusable: boolean) => {
      await Promise.all(leases.map((lease) => lease.release(reusable)))
      leave()
    }
    const refused = acquired.find((one) => one.status === 'rejected')
    if (refused === undefined) return { leases, release }
    await release(true)
    throw refused.reason
  }

  /** Takes the places of pairs, as many as are free up to `most` and one at least, for sessions that somebody else opens. */
  async takePlaces(most: number): Promise<{ readonly count: number; readonly release: () => void }> {
    const taken = await this.#takePairs(most)
    await this.renew()
    return taken
  }

  async #takePairs(most: number): Promise<{ readonly count: number; readonly release: () => void }> {
    const count = Math.max(1, Math.min(most, this.#pairs.getValue()))
    const [, release] = await this.#pairs.acquire(count)
    return { count, release }
  }

  async #lend<T>(signal: AbortSignal, work: (ends: Ends) => Promise<T>): Promise<T> {
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

/** Sessions of each end while `parallel` pairs are on loan. What waits at the target for a stream in parts is read there
 * while it is written, and the snapshot in which several sessions read is kept by another one. */
function needsOf({ streams }: PoolsOf, parallel: number): { readonly source: number; readonly target: number } {
  const most = (has: (stream: PipelineStream) => boolean) => {
    const those = streams.filter((stream) => !stream.disabled && has(stream))
    // A wildcard stands for any number of streams.
    return those.some((stream) => stream.wildcard !== undefined) ? parallel : Math.min(parallel, those.length)
  }
  const isDivided = (stream: PipelineStream) => parallel > 1 && stream.partitionBy !== undefined
  return {
    source: parallel + most(isDivided),
    target: parallel + most((stream) => stream.resume !== undefined || isDivided(stream)),
  }
}

/** How many streams could be divided beside those that ask for it: each takes one session more of both ends. All that have
 * two pairs to themselves, or none: `--parallel` comes first. */
async function furtherWithin(
  host: RunHost,
  pools: PoolsOf,
  parallel: number,
  { source, target }: { readonly source: number; readonly target: number },
): Promise<number> {
  const active = pools.streams.filter((stream) => !stream.disabled)
  const most = Math.floor(parallel / 2)
  const further = active.some((stream) => stream.wildcard !== undefined) ? most : Math.min(active.length, most)
  const { limits, isShared } = await limitsOf(host, pools)
  const fits = isShared
    ? source + target + 2 * further <= Math.min(...limits)
    : source + further <= limits[0] && target + further <= limits[1]
  return fits ? further : 0
}

async function limitsOf(host: RunHost, pools: PoolsOf) {
  const limits = [await host.connectionLimit(pools.source), await host.connectionLimit(pools.target)] as const
  const [from, to] = [await host.serverOf(pools.source), await host.serverOf(pools.target)]
  return { limits, isShared: from !== undefined && from === to }
}

/** How many pairs of sessions there may be at one time, up to `wanted`. Two connections to one server with one user share
 * the smaller of their `max_connections`. */
async function pairsWithin(host: RunHost, pools: PoolsOf, wanted: number): Promise<number> {
  const { limits, isShared } = await limitsOf(host, pools)
  const limit = Math.min(...limits)
  for (let parallel = Math.min(wanted, limit); parallel > 0; parallel--) {
    const { source, target } = needsOf(pools, parallel)
    if (isShared ? source + target <= limit : source <= limits[0] && target <= limits[1]) return parallel
  }
  const { target: least } = needsOf(pools, 1)
  if (limits[1] < least) {
    throw tooFew(pools.target, `a resumable stream takes two connections of its target: set ${least} or more`)
  }
  const problem = `both ends are on one server, and a stream takes a connection at each: set ${1 + least} or more`
  throw tooFew(pools.target, problem)
}

function tooFew(connection: string, problem: string): AirlockError {
  const at = `connections.${connection}.max_connections`
  return new AirlockError('CONFIG_INVALID', { phase: 'plan', params: { at, problem } })
}
