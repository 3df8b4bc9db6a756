import type { MessagePort } from 'node:worker_threads'
import type { ManagedSession } from '../../core/managed-session.js'
import { answers } from '../../core/session-answers.js'
import { AirlockError } from '../../errors/index.js'
import { createMasker, type Masker } from '../../masking/index.js'
import { JobHost } from '../jobs/job-host.js'
import { rulesOf } from '../jobs/job-rules.js'
import { JobTelemetry } from '../jobs/job-telemetry.js'
import { type PartTask, performPart } from '../jobs/perform-parts.js'
import { concealed, tellMaskKey } from '../jobs/seal-job.js'
import type { Seen } from '../run-stream.js'
import { SessionPools } from '../session-pools.js'
import type { StreamContext } from '../stream-task.js'
import type { ThreadAbort, ThreadNews, ThreadReply, ThreadRequest } from './messages.js'
import type { ThreadSetup } from './range-thread.js'

/** How often it tells how far it is. */
const TELL_MS = 250

type Answer = ThreadReply extends infer R ? (R extends unknown ? Omit<R, 'counters'> : never) : never

/** Serves one thread: opens a session of the source, and does what it is asked until it is asked to end. Resolves when
 * all of its sessions are closed. */
export async function serveRanges(port: MessagePort, data: unknown): Promise<void> {
  const masker = createMasker({})
  const onSecret = (value: string) => void masker.add(value)
  const setup = concealed(data, onSecret) as ThreadSetup
  tellMaskKey(setup.frame.maskKey, onSecret)
  await new RangeServer(port, setup, masker).serve()
  port.close()
}

class RangeServer {
  #port: MessagePort
  #setup: ThreadSetup
  #masker: Masker
  #telemetry: JobTelemetry
  #told: Readonly<Record<string, number>> = {}
  #stop = new AbortController()
  #requests: ThreadRequest[] = []
  #wake: (() => void) | undefined

  constructor(port: MessagePort, setup: ThreadSetup, masker: Masker) {
    this.#port = port
    this.#setup = setup
    this.#masker = masker
    this.#telemetry = new JobTelemetry(masker, (name, data) => this.#tell({ t: 'event', name, data }))
    port.on('message', (message: ThreadRequest | ThreadAbort) => {
      if (message.t === 'abort') this.#stop.abort(new AirlockError('ABORTED', { phase: 'run' }))
      else this.#requests.push(message)
      this.#wake?.()
    })
  }

  async serve(): Promise<void> {
    const { frame, stream } = this.#setup
    try {
      const ports = { masker: this.#masker, telemetry: this.#telemetry }
      await using host = new JobHost([frame.source, frame.target], ports)
      const of = { source: frame.source.name, target: frame.target.name, streams: [stream] }
      await using pools = await SessionPools.create(host, of, 1)
      const { signal } = this.#stop
      await pools.useOne('source', signal, async (source) => {
        this.#answer({ t: 'ready' })
        await this.#answerAll(source, { host, runId: frame.run, signal, options: {}, rules: rulesOf(frame), pools })
      })
    } catch (error) {
      this.#answer({ t: 'failed', error: this.#errorOf(error), lost: true })
    }
    this.#answer({ t: 'ended' })
  }

  async #answerAll(source: ManagedSession, context: StreamContext): Promise<void> {
    for (;;) {
      const request = await this.#next()
      if (request.t === 'end') return
      try {
        if (request.t === 'enter') {
          this.#answer({ t: 'entered', ok: await source.enterSnapshot(request.shared, this.#stop.signal) })
        } else if (request.t === 'leave') {
          await source.reset(this.#stop.signal)
          this.#answer({ t: 'left' })
        } else {
          this.#answer({ t: 'done', ...(await this.#perform(request.task, source, context)) })
        }
      } catch (error) {
        this.#answer({ t: 'failed', error: this.#errorOf(error), lost: !(await answers(source)) })
      }
    }
  }

  /** One try: the host repeats it, maybe in another thread. */
  async #perform(task: PartTask, source: ManagedSession, context: StreamContext) {
    let seen: Seen = { rows: 0, bytes: 0, batches: 0 }
    const told = setInterval(() => this.#tell({ t: 'seen', seen }), TELL_MS)
    try {
      const outcome = await performPart({ ...task, retries: 0 }, context, {
        lend: (signal, work) => context.pools.useOne('target', signal, (target) => work({ source, target })),
        onTry: (counted) => {
          seen = counted
        },
      })
      return { outcome, seen }
    } finally {
      clearInterval(told)
    }
  }

  async #next(): Promise<ThreadRequest> {
    for (;;) {
      const request = this.#stop.signal.aborted ? ({ t: 'end' } as const) : this.#requests.shift()
      if (request !== undefined) return request
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  #tell(news: ThreadNews): void {
    this.#port.postMessage(news)
  }

  #answer(answer: Answer): void {
    const now = this.#telemetry.counters()
    const counters = Object.fromEntries(Object.entries(now).map(([name, n]) => [name, n - (this.#told[name] ?? 0)]))
    this.#told = now
    this.#port.postMessage({ ...answer, counters })
  }

  #errorOf(error: unknown) {
    return (error instanceof AirlockError ? error : this.#masker.error(error, { phase: 'run' })).toJSON()
  }
}
