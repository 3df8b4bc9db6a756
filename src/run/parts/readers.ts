import type { PipelineStream } from '../../config/pipeline.js'
import { answers } from '../../core/session-answers.js'
import type { SnapshotKind } from '../../core/shared-snapshot.js'
import { AirlockError } from '../../errors/index.js'
import type { PartOutcome } from '../jobs/job.js'
import { type Lend, type PartTask, performPart } from '../jobs/perform-parts.js'
import type { Seen } from '../run-stream.js'
import type { SessionPools, TakenReaders } from '../session-pools.js'
import type { StreamContext } from '../stream-task.js'
import { Entered } from './entered.js'

/** Read the ranges of one stream, and write each into its staging table. Disposing lets go of the snapshot; it never fails,
 * and once is enough. */
export interface Readers extends AsyncDisposable {
  /** How many ranges can be on their way at one time. */
  readonly count: number
  /** Why the ranges are not of one snapshot; undefined where they are. */
  readonly apart?: string
  /** Loads one range, with retries. `onTry` is told of what each try counts up. Throws AirlockError; nothing of the range is
   * then at the target. */
  load(task: PartTask, context: StreamContext, onTry: (seen: Seen) => void): Promise<PartOutcome>
  /** Whether nobody can read in the snapshot any more. */
  readonly isOver?: boolean
}

/** What has to have one snapshot. */
export interface Wanted {
  readonly kind: SnapshotKind | undefined
  readonly stream: PipelineStream
  /** Ranges to read. */
  readonly most: number
}

/** Opens readers that have one snapshot of the table in common, or else such as have none. */
export type OpenReaders = (wanted: Wanted, context: StreamContext) => Promise<Readers>

/** Why there is no snapshot where the source has no such thing. */
export const NONE_IN_COMMON = 'the source has none in common for several sessions'

/** Readers in this thread, with the sessions of the run. */
export const openReaders: OpenReaders = async (wanted, { pools, signal }) => {
  if (wanted.kind === undefined) return apart(pools, NONE_IN_COMMON)
  return await (wanted.kind === 'kept' ? keepSnapshot : enterTogether)(pools, wanted, signal)
}

/** Ranges are read by whatever pair of sessions `lend` gives. */
function byLending(lend: Lend): Readers['load'] {
  return (task, context, onTry) => performPart(task, context, { lend, onTry })
}

/** Each range is read by whatever session is free, in a snapshot of its own. */
function apart(pools: SessionPools, reason: string): Readers {
  return {
    count: pools.parallel,
    apart: reason,
    load: byLending((signal, work) => pools.use(signal, work)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** Whoever reads next enters the snapshot, as long as it is held: a session that is lost is replaced by another. */
async function keepSnapshot(pools: SessionPools, { stream }: Wanted, signal: AbortSignal): Promise<Readers> {
  const lease = await pools.lease('source', signal)
  const held = await releasing(lease, () => lease.session.holdSnapshot(stream.table!, signal))
  if (typeof held === 'string') {
    await lease.release(true)
    return apart(pools, held)
  }
  let isOver = false
  let isLeft = false
  return {
    count: pools.parallel,
    load: byLending((limit, work) =>
      pools.use(limit, async (ends) => {
        if (await ends.source.enterSnapshot(held, limit)) return await work(ends)
        isOver = true
        throw new AirlockError('CONNECTION_LOST', { phase: 'extract' })
      }),
    ),
    get isOver() {
      return isOver
    },
    async [Symbol.asyncDispose]() {
      if (isLeft) return
      isLeft = true
      await held[Symbol.asyncDispose]()
      await lease.release(true)
    },
  }
}

/** All at one time, while nobody can write. */
async function enterTogether(pools: SessionPools, { stream, most }: Wanted, signal: AbortSignal): Promise<Readers> {
  const taken = await pools.takeReaders(signal, most)
  const reason = await releasing(taken, () =>
    pools.useOne('source', signal, async (coordinator) => {
      const held = await coordinator.holdSnapshot(stream.table!, signal)
      if (typeof held === 'string') return held
      await using locked = held
      const entered = await Promise.all(taken.sessions.map((session) => session.enterSnapshot(locked, signal)))
      return entered.every(Boolean) ? undefined : 'its sessions are of several servers'
    }),
  )
  if (reason === undefined) return entered(pools, taken)
  await taken.release(true)
  return apart(pools, reason)
}

/** Gives back what was taken if the work fails. */
async function releasing<T>(taken: { release(reusable: boolean): Promise<void> }, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    await taken.release(false)
    throw error
  }
}

/** Sessions that are in the snapshot, which is not held any more. */
function entered(pools: SessionPools, { sessions, release }: TakenReaders): Readers {
  const places = new Entered(sessions, answers)
  let isLeft = false
  return {
    count: sessions.length,
    load: byLending((signal, work) =>
      places.lend((source) => pools.useOne('target', signal, (target) => work({ source, target }))),
    ),
    get isOver() {
      return places.isOver
    },
    async [Symbol.asyncDispose]() {
      if (isLeft) return
      isLeft = true
      await release(true)
    },
  }
}
