import type { PipelineStream } from '../../config/pipeline.js'
import type { ManagedSession } from '../../core/managed-session.js'
import { answers } from '../../core/session-answers.js'
import type { Lease } from '../../core/session-pool.js'
import type { HeldSnapshot, SnapshotKind } from '../../core/shared-snapshot.js'
import type { PartOutcome } from '../jobs/job.js'
import { type Lend, type PartTask, performPart } from '../jobs/perform-parts.js'
import type { Seen } from '../run-stream.js'
import type { SessionPools, TakenReaders } from '../session-pools.js'
import type { StreamContext } from '../stream-task.js'
import { Entered } from './entered.js'
import { Kept } from './kept.js'

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
  /** Why what is left cannot be read in it, though it is there: in words as those of `apart`. */
  readonly elsewhere?: string | undefined
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

/** Why there is none where a name leads to one server now and to another then. */
const SEVERAL_SERVERS = 'its sessions are of several servers'

/** Why there is none where not all sessions have entered it. */
export const NOT_ENTERED = 'its sessions are of several servers, or somebody waits to alter the table'

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
export function apart(pools: SessionPools, reason: string): Readers {
  return {
    count: pools.parallel,
    apart: reason,
    load: byLending((signal, work) => pools.use(signal, work)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** As many as are free enter it; as long as it is held, one that is lost is replaced. */
async function keepSnapshot(pools: SessionPools, { stream, most }: Wanted, signal: AbortSignal): Promise<Readers> {
  const taken = await pools.takeReaders(signal, most)
  return await releasing(taken, async () => {
    const holder = await pools.lease('source', signal)
    return await releasing(holder, async () => {
      const held = await holder.session.holdSnapshot(stream.table!, signal)
      if (typeof held !== 'string') {
        const entered = await Promise.all(taken.leases.map(({ session }) => session.enterSnapshot(held, signal)))
        if (entered.every(Boolean)) return kept(pools, taken, holder, held)
        // It may be gone, which is no reason to do without.
        await holder.session.ping(signal)
        await held[Symbol.asyncDispose]()
      }
      await Promise.all([holder.release(true), taken.release(true)])
      return apart(pools, typeof held === 'string' ? held : SEVERAL_SERVERS)
    })
  })
}

/** Sessions that are in a snapshot which another one holds. */
function kept(pools: SessionPools, taken: TakenReaders, holder: Lease, held: HeldSnapshot): Readers {
  const places = new Kept(pools, held, asking(holder.session), taken.leases)
  let isLeft = false
  return {
    count: taken.leases.length,
    load: byLending((signal, work) => places.lend(signal, work)),
    get isOver() {
      return places.isOver
    },
    get elsewhere() {
      return places.isElsewhere ? SEVERAL_SERVERS : undefined
    },
    async [Symbol.asyncDispose]() {
      if (isLeft) return
      isLeft = true
      await places[Symbol.asyncDispose]()
      await held[Symbol.asyncDispose]()
      await Promise.all([holder.release(true), taken.release(true)])
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
      const entered = await Promise.all(taken.leases.map(({ session }) => session.enterSnapshot(locked, signal)))
      // Who has entered after the lock was lost, with its session, sees another state.
      await coordinator.ping(signal)
      return entered.every(Boolean) ? undefined : NOT_ENTERED
    }),
  )
  if (reason === undefined) return entered(pools, taken)
  await taken.release(true)
  return apart(pools, reason)
}

/** Asks whether a session still answers; one question for all who ask while it is on its way. */
function asking(session: ManagedSession): () => Promise<boolean> {
  let asked: Promise<boolean> | undefined
  return () => {
    asked ??= answers(session).finally(() => {
      asked = undefined
    })
    return asked
  }
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
function entered(pools: SessionPools, { leases, release }: TakenReaders): Readers {
  const sessions = leases.map(({ session }) => session)
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
