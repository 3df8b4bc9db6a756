import { fenceKey } from '../fence-key.js'
import type { StreamReport } from '../report.js'
import { runInOrder } from '../schedule.js'
import { reportBehind, runStreamOf, type StreamContext } from '../stream-task.js'
import type { StreamsJob } from './job.js'

/** Tries within one attempt of a job are numbered below this. */
export const TRIES_LIMIT = 1000

/** Runs the streams of a job in the order of their parents, by the code that runs them on this machine. */
export async function performStreams(job: StreamsJob, context: StreamContext): Promise<readonly StreamReport[]> {
  const { holder, number } = job.fence
  const fenced: StreamContext = {
    ...context,
    fenceOf: (stream, attempt) => ({
      key: fenceKey(job.pipeline, stream),
      holder,
      number: number * TRIES_LIMIT + attempt,
    }),
  }
  return await runInOrder(job.streams, new Map(Object.entries(job.parents)), context.pools.parallel, {
    run: (stream) => runStreamOf(stream, fenced),
    skip: reportBehind,
  })
}
