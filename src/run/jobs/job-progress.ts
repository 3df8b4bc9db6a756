import type { WorkerContext } from '../../remote/worker/worker-context.js'
import type { Progress } from '../run-stream.js'

/** How often a stream is told of. */
const EVERY_MS = 1000

/** Tells the host how far the streams of a job are: in frames, seldom, and in what the heartbeats say. */
export class JobProgress {
  readonly #context: Pick<WorkerContext, 'send' | 'count'>
  readonly #seen = new Map<string, Progress>()
  readonly #told = new Map<string, number>()

  constructor(context: Pick<WorkerContext, 'send' | 'count'>) {
    this.#context = context
  }

  readonly report = (progress: Progress): void => {
    const { stream, rows, bytes, estimatedRows, seconds } = progress
    this.#seen.set(stream, progress)
    const all = [...this.#seen.values()]
    this.#context.count({
      rows: all.reduce((sum, one) => sum + one.rows, 0),
      bytes: all.reduce((sum, one) => sum + one.bytes, 0),
    })
    const now = performance.now()
    if (now - (this.#told.get(stream) ?? Number.NEGATIVE_INFINITY) < EVERY_MS) return
    this.#told.set(stream, now)
    const estimated = estimatedRows === undefined ? {} : { estimated: Math.max(0, Math.round(estimatedRows)) }
    this.#context.send({ t: 'progress', stream, rows, bytes, ...estimated, seconds })
  }
}
