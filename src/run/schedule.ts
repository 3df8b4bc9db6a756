import type { PipelineStream } from '../config/pipeline.js'
import type { StreamReport } from './report.js'

/** Streams by name → the names of those that have to be complete before. */
export type Parents = ReadonlyMap<string, readonly string[]>

/** What a schedule does with its streams. */
export interface Work {
  run(stream: PipelineStream): Promise<StreamReport>
  /** For a stream whose parent did not arrive. */
  skip(stream: PipelineStream, parent: string): StreamReport
}

/** Runs streams, up to `parallel` at one time: each as soon as its parents are complete, otherwise in their order. A stream
 * behind one that failed or was skipped is skipped itself. Resolves with the reports in the order of the streams. Cycles must
 * have been taken out of `parents`. */
export async function runInOrder(
  streams: readonly PipelineStream[],
  parents: Parents,
  parallel: number,
  work: Work,
): Promise<readonly StreamReport[]> {
  const reports = new Map<string, StreamReport>()
  const running = new Map<string, Promise<void>>()
  let waiting = [...streams]
  const isRunning = (name: string) => running.has(name) || waiting.some((stream) => stream.name === name)
  const launch = (stream: PipelineStream) => {
    const done = work.run(stream).then((report) => {
      reports.set(stream.name, report)
      running.delete(stream.name)
    })
    running.set(stream.name, done)
  }
  while (waiting.length > 0 || running.size > 0) {
    const left: PipelineStream[] = []
    for (const stream of waiting) {
      const before = parents.get(stream.name) ?? []
      const failed = before.find((name) => reports.has(name) && reports.get(name)!.status !== 'ok')
      if (failed !== undefined) reports.set(stream.name, work.skip(stream, failed))
      else if (running.size < parallel && !before.some(isRunning)) launch(stream)
      else left.push(stream)
    }
    const moved = left.length < waiting.length
    waiting = left
    if (running.size > 0) await Promise.race(running.values())
    else if (!moved) throw new RangeError('the streams wait for each other')
  }
  return streams.map(({ name }) => reports.get(name)!)
}
