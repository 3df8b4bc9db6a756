import { existsSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type { PipelineStream } from '../../config/pipeline.js'
import { atMost } from '../../core/bounded.js'
import { abortError } from '../../core/errors-at-boundary.js'
import type { SharedSnapshot } from '../../core/shared-snapshot.js'
import { AirlockError } from '../../errors/index.js'
import type { JobFrame, PartOutcome } from '../jobs/job.js'
import type { PartTask } from '../jobs/perform-parts.js'
import { revealed } from '../jobs/seal-job.js'
import { knownCounters } from '../known-counters.js'
import type { RunHost } from '../run-host.js'
import type { Seen } from '../run-stream.js'
import type { ThreadAbort, ThreadNews, ThreadReply, ThreadRequest } from './messages.js'

/** What a thread needs to know from the start. */
export interface ThreadSetup {
  readonly frame: JobFrame
  readonly stream: PipelineStream
}

/** Its entry lies beside this module, or, bundled, beside the file that this module is in. */
const ENTRY = new URL('./thread-main.js', import.meta.url)

/** Whether there is a file that a thread can start with: sources that a loader translates have none. */
export function isBuilt(): boolean {
  return existsSync(ENTRY)
}

/** Who hears what happens in a thread. */
type Host = Pick<RunHost, 'masker' | 'telemetry'>

/** What the end of a thread leaves behind: nothing, or nobody knows what. */
type LostCode = 'CONNECTION_LOST' | 'OUTCOME_UNKNOWN'

/** How long its sessions may take to close before it is ended from outside. */
const END_MS = 10_000

/** A thread of this process that reads ranges of a table and writes each into its staging table, with sessions of its own:
 * one reader paired with one writer, on a core of its own. It shares no memory with others; what it is sent and what it
 * answers stays in this process. */
export class RangeThread {
  #worker: Worker
  #host: Host
  #waiting: { resolve(reply: ThreadReply): void; onLost(): void } | undefined
  #onSeen: ((seen: Seen) => void) | undefined
  #ended: Promise<void>
  #over = false

  private constructor(setup: ThreadSetup, host: Host) {
    this.#host = host
    // What libraries print there is nobody's, and nobody has looked through it.
    this.#worker = new Worker(ENTRY, { workerData: revealed(setup), env: {}, stdout: true, stderr: true })
    this.#worker.stdout.resume()
    this.#worker.stderr.resume()
    this.#worker.on('message', (message: ThreadReply | ThreadNews) => this.#take(message))
    // It has no error of its own but such as end it: no memory, or a mistake in it.
    this.#worker.on('error', (error) => {
      const { code, ref } = host.masker.error(error, { phase: 'run' })
      host.telemetry.emit('warning.raised', { run: setup.frame.run, problem: 'a thread has ended', code, ref })
      this.#lose()
    })
    this.#ended = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#lose()
        resolve()
      })
    })
  }

  /** Starts a thread and waits for its session of the source. Throws what opening that throws. */
  static async start(setup: ThreadSetup, host: Host, signal: AbortSignal): Promise<RangeThread> {
    const thread = new RangeThread(setup, host)
    try {
      await thread.#reply(signal)
      return thread
    } catch (error) {
      await thread.close()
      throw error
    }
  }

  /** Whether it can read no more. */
  get isLost(): boolean {
    return this.#over
  }

  /** Lets it read in a snapshot from now on; false where it cannot. */
  async enter({ id, table }: SharedSnapshot, signal: AbortSignal): Promise<boolean> {
    const reply = await this.#ask({ t: 'enter', shared: { id, table } }, signal)
    return reply.t === 'entered' && reply.ok
  }

  /** Lets it read each range in a snapshot of its own again. */
  async leave(signal: AbortSignal): Promise<void> {
    await this.#ask({ t: 'leave' }, signal)
  }

  /** One try at one range. Throws what that throws, and OUTCOME_UNKNOWN where the thread ends meanwhile: its server may have
   * been told to commit. */
  async perform(task: PartTask, signal: AbortSignal, onSeen: (seen: Seen) => void): Promise<PartOutcome> {
    this.#onSeen = onSeen
    try {
      const reply = await this.#ask({ t: 'part', task }, signal, 'OUTCOME_UNKNOWN')
      if (reply.t !== 'done') throw lost('OUTCOME_UNKNOWN')
      onSeen(reply.seen)
      return reply.outcome
    } finally {
      this.#onSeen = undefined
    }
  }

  /** Lets it close its sessions, for a while, and ends it. Idempotent. */
  async close(): Promise<void> {
    this.#post({ t: 'end' })
    const ended = this.#ended.then(() => true)
    if ((await atMost(END_MS, ended)) !== true) await this.#worker.terminate()
  }

  async #ask(request: ThreadRequest, signal: AbortSignal, code: LostCode = 'CONNECTION_LOST'): Promise<ThreadReply> {
    if (this.#over) throw lost('CONNECTION_LOST')
    const reply = this.#reply(signal, code)
    this.#post(request)
    return await reply
  }

  /** The next reply. After an abort the thread has the time for it that closing a session may take. */
  async #reply(signal: AbortSignal, code: LostCode = 'CONNECTION_LOST'): Promise<ThreadReply> {
    let limit: NodeJS.Timeout | undefined
    const onAbort = () => {
      this.#post({ t: 'abort' })
      limit = setTimeout(() => this.#lose(), END_MS)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    try {
      const reply = await new Promise<ThreadReply>((resolve, reject) => {
        this.#waiting = { resolve, onLost: () => reject(lost(code)) }
        if (this.#over) this.#waiting.onLost()
      })
      if (reply.t !== 'failed') return reply
      if (reply.lost) this.#over = true
      throw AirlockError.fromJSON(reply.error)
    } catch (error) {
      throw signal.aborted ? abortError(signal, 'run') : error
    } finally {
      this.#waiting = undefined
      clearTimeout(limit)
      signal.removeEventListener('abort', onAbort)
    }
  }

  #take(message: ThreadReply | ThreadNews): void {
    if (message.t === 'event') {
      this.#host.telemetry.emit(message.name, message.data)
    } else if (message.t === 'seen') {
      this.#onSeen?.(message.seen)
    } else {
      this.#host.telemetry.add(knownCounters(message.counters))
      if (message.t !== 'ended') this.#waiting?.resolve(message)
    }
  }

  #lose(): void {
    this.#over = true
    this.#waiting?.onLost()
  }

  #post(message: ThreadRequest | ThreadAbort): void {
    this.#worker.postMessage(message)
  }
}

function lost(code: LostCode): AirlockError {
  return new AirlockError(code, { phase: 'run' })
}
