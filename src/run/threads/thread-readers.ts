import type { JobFrame } from '../jobs/job.js'
import { repeated } from '../jobs/perform-parts.js'
import { Entered } from '../parts/entered.js'
import { NONE_IN_COMMON, NOT_ENTERED, type OpenReaders, type Readers, type Wanted } from '../parts/readers.js'
import type { StreamContext } from '../stream-task.js'
import { RangeThread } from './range-thread.js'

export { isBuilt } from './range-thread.js'

type Undo = (() => Promise<void>)[]

/** Readers that are threads of this process, each with a pair of sessions of its own in the place of one of the run's. */
export function threadReaders(frame: JobFrame): OpenReaders {
  return async ({ kind, stream, most }, context) => {
    const undo: Undo = []
    const close = async () => {
      for (const step of undo.splice(0).reverse()) await step()
    }
    try {
      const places = await context.pools.takePlaces(most)
      undo.push(async () => places.release())
      const threads: RangeThread[] = []
      undo.push(async () => void (await Promise.all(threads.map((thread) => thread.close()))))
      const started = await Promise.allSettled(
        Array.from({ length: places.count }, async () => {
          threads.push(await RangeThread.start({ frame, stream }, context.host, context.signal))
        }),
      )
      for (const one of started) if (one.status === 'rejected') throw one.reason
      const apart = await enterSnapshot(kind, stream.table!, threads, undo, context)
      return readersOf(threads, apart, close)
    } catch (error) {
      await close()
      throw error
    }
  }
}

/** Lets all threads enter a snapshot; a reason where that cannot be had. */
async function enterSnapshot(
  kind: Wanted['kind'],
  table: string,
  threads: readonly RangeThread[],
  undo: Undo,
  { pools, signal }: StreamContext,
): Promise<string | undefined> {
  if (kind === undefined) return NONE_IN_COMMON
  const lease = await pools.lease('source', signal)
  let fit = false
  const release: Undo = [() => lease.release(fit)]
  const leave = async () => {
    for (const step of release.splice(0).reverse()) await step()
  }
  undo.push(leave)
  const held = await lease.session.holdSnapshot(table, signal)
  fit = true
  if (typeof held === 'string') {
    await leave()
    return held
  }
  release.push(async () => await held[Symbol.asyncDispose]())
  const entered = await Promise.all(threads.map((thread) => thread.enter(held, signal)))
  // Who has entered after the lock was lost, with its session, sees another state.
  if (kind === 'locked') await lease.session.ping(signal)
  const areIn = entered.every(Boolean)
  // They are in it, and nobody else can be: writers must not wait for the reading.
  if (kind === 'locked' || !areIn) await leave()
  if (areIn) return undefined
  // Somebody may wait for those that are in it, and the others for him.
  await Promise.all(threads.map((thread) => thread.leave(signal)))
  return NOT_ENTERED
}

function readersOf(threads: readonly RangeThread[], apart: string | undefined, close: () => Promise<void>): Readers {
  const places = new Entered(threads, async (thread) => !thread.isLost)
  return {
    count: threads.length,
    ...(apart === undefined ? {} : { apart }),
    load: (task, context, onTry) =>
      repeated(
        task,
        { unknownToo: false, lend: (_, work) => places.lend(work) },
        context,
        async (thread: RangeThread) => {
          const seen = { rows: 0, bytes: 0, batches: 0 }
          onTry(seen)
          const started = performance.now()
          return await thread.perform(task, context.signal, (now) => {
            Object.assign(seen, now)
            const { rows, bytes } = seen
            const seconds = (performance.now() - started) / 1000
            context.options.onProgress?.({ stream: task.stream.name, rows, bytes, estimatedRows: undefined, seconds })
          })
        },
      ),
    get isOver() {
      return places.isOver
    },
    [Symbol.asyncDispose]: close,
  }
}
