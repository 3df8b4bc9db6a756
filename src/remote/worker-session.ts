import { setTimeout as sleep } from 'node:timers/promises'
import type { RemoteEventPort } from './events.js'
import { FrameReader } from './frame-reader.js'
import { PLACES, type WorkerFrame } from './protocol.js'
import { RemoteFailure } from './remote-failure.js'
import { SandboxFault } from './sandbox-fault.js'
import type { CommandEnd, CommandRequest, RemoteCommand, SandboxPort } from './sandbox-port.js'

type AnswerKind = 'hello' | 'refused' | 'opened'
export type Answer<T extends AnswerKind> = Extract<WorkerFrame, { t: T }>
type End = Extract<WorkerFrame, { t: 'end' }>

const REATTACH_TRIES = 4
const REATTACH_WAIT_MS = 250
/** A file of events that is longer was not written by our worker. */
const EVENTS_BYTES = 64 * 1024 * 1024
const CHECKS_PER_SILENCE = 6

export interface WorkerSessionOptions {
  readonly port: SandboxPort
  readonly sandbox: string
  readonly events: RemoteEventPort
  readonly command: string
  /** For the command's whole life. */
  readonly timeoutMs: number
  /** How long the worker may say nothing. */
  readonly silenceMs: number
  readonly onFrame: (frame: WorkerFrame) => void
  readonly onStderr: (text: string) => void
  readonly signal: AbortSignal
}

/** How a worker ended. */
export interface WorkerEnd {
  /** Its last frame; undefined where it did not come. */
  readonly end: End | undefined
  /** Undefined where nobody knows how the command ended. */
  readonly command: CommandEnd | undefined
  /** Why it was given up; undefined where it ended by itself. */
  readonly reason: 'silent' | 'deadline' | 'gone' | 'lost' | 'aborted' | undefined
}

/** The worker of one sandbox: its command, its frames, its heartbeat. A stream that breaks is taken up again, and what was
 * said meanwhile is read from the worker's own file of events. */
export class WorkerSession implements AsyncDisposable {
  #options: WorkerSessionOptions
  #reader: FrameReader
  #command: RemoteCommand | undefined
  #heard = performance.now()
  /** What the worker said of itself before its work. */
  #answers: Answer<AnswerKind>[] = []
  #end: End | undefined
  #onAnswer: () => void = ended
  #followed: Promise<WorkerEnd> | undefined

  private constructor(options: WorkerSessionOptions) {
    this.#options = options
    this.#reader = new FrameReader({
      events: options.events,
      onFrame: (frame) => this.#handle(frame),
      backfill: () => this.#eventsFile(),
    })
  }

  /** Starts the command, in a second try too. Throws RemoteFailure. */
  static async start(options: WorkerSessionOptions): Promise<WorkerSession> {
    const { port, sandbox, events, signal } = options
    for (let attempt = 1; ; attempt++) {
      const session = new WorkerSession(options)
      try {
        session.#command = await port.start(sandbox, session.#request(), signal)
        session.#followed = session.#follow(session.#command)
        return session
      } catch (error) {
        const faultClass = classOf(error)
        const retry = attempt < 2 && !signal.aborted && faultClass !== 'gone'
        events.emit('remote.start_failed', { class: faultClass, attempt, retry })
        if (!retry) throw new RemoteFailure('remote.start_failed', faultClass, faultClass !== 'aborted')
      }
    }
  }

  /** The first frame of one of these kinds, which may have come already. Undefined where it does not come in time, or the
   * worker ends before. */
  async frame<T extends AnswerKind>(kinds: readonly T[], withinMs: number): Promise<Answer<T> | undefined> {
    const stop = new AbortController()
    const timeout = sleep(withinMs, undefined, { signal: stop.signal }).catch(ended)
    try {
      for (;;) {
        const found = this.#answers.find(({ t }) => (kinds as readonly string[]).includes(t))
        if (found !== undefined) return found as Answer<T>
        const told = new Promise<'told'>((resolve) => {
          this.#onAnswer = () => resolve('told')
        })
        if ((await Promise.race([told, this.#followed, timeout])) === 'told') continue
        return this.#answers.find(({ t }) => (kinds as readonly string[]).includes(t)) as Answer<T> | undefined
      }
    } finally {
      stop.abort()
    }
  }

  /** One line to the worker's standard input. Throws SandboxFault. */
  async write(line: string): Promise<void> {
    await this.#command!.write(line, this.#options.signal)
  }

  /** How the worker has ended, if it has; waits for nothing. */
  async endedAlready(): Promise<WorkerEnd | undefined> {
    return await Promise.race([this.#followed, sleep(0, undefined)])
  }

  /** Waits until the worker has ended, or is given up. */
  async ended(): Promise<WorkerEnd> {
    const watch = new AbortController()
    try {
      const found = await Promise.race([this.#followed!, this.#watch(watch.signal)])
      if (found.end === undefined && found.reason === undefined) await this.#catchUp()
      return { ...found, end: found.end ?? this.#end }
    } finally {
      watch.abort()
    }
  }

  /** Stops listening; the command is ended with its sandbox. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#command?.detach()
  }

  #request(): CommandRequest {
    const { command, timeoutMs, onStderr } = this.#options
    return {
      command,
      timeoutMs,
      onStdout: (chunk) => {
        this.#heard = performance.now()
        this.#reader.push(chunk)
      },
      onStderr,
    }
  }

  #handle(frame: WorkerFrame): void {
    if (frame.t === 'hello' || frame.t === 'refused' || frame.t === 'opened') {
      this.#answers.push(frame)
      this.#onAnswer()
    }
    if (frame.t === 'end') this.#end = frame
    this.#options.onFrame(frame)
  }

  /** Follows the command to its end, across streams that break. */
  async #follow(first: RemoteCommand): Promise<WorkerEnd> {
    const { events, sandbox } = this.#options
    let command = first
    for (;;) {
      try {
        const ended = await command.ended
        await this.#reader.end()
        return { end: this.#end, command: ended, reason: undefined }
      } catch (error) {
        const faultClass = classOf(error)
        if (faultClass === 'aborted') return { end: this.#end, command: undefined, reason: 'aborted' }
        if (faultClass === 'deadline') return { end: this.#end, command: undefined, reason: 'deadline' }
        if (faultClass === 'gone') {
          events.emit('sandbox.gone', { sandbox })
          return { end: this.#end, command: undefined, reason: 'gone' }
        }
        events.emit('remote.stream_lost', { sandbox, class: faultClass })
        // Half a line is no beginning of what comes on the next stream.
        await this.#reader.end()
        const again = await this.#reattach(command.pid)
        if (again === undefined) return { end: this.#end, command: undefined, reason: 'lost' }
        if (again === 'ended') return { end: this.#end, command: undefined, reason: undefined }
        command = again
        this.#command = again
      }
    }
  }

  /** Listens again. The command may have ended meanwhile: then its file of events says how. */
  async #reattach(pid: number): Promise<RemoteCommand | 'ended' | undefined> {
    const { port, sandbox, events, signal } = this.#options
    for (let attempt = 1; attempt <= REATTACH_TRIES && !signal.aborted; attempt++) {
      try {
        const command = await port.attach(sandbox, pid, this.#request(), signal)
        events.emit('remote.reattached', { sandbox, attempt })
        return command
      } catch (error) {
        const faultClass = classOf(error)
        if (faultClass === 'not_found') {
          await this.#catchUp()
          return 'ended'
        }
        const retry = attempt < REATTACH_TRIES && faultClass !== 'gone'
        events.emit('remote.reattach_failed', { sandbox, class: faultClass, attempt, retry })
        if (!retry) return undefined
        await sleep(REATTACH_WAIT_MS * 2 ** attempt, undefined, { signal }).catch(ended)
      }
    }
    return undefined
  }

  /** Resolves when the worker is to be given up. */
  async #watch(stopped: AbortSignal): Promise<WorkerEnd> {
    const { events, sandbox, silenceMs, signal } = this.#options
    const given = (reason: WorkerEnd['reason']): WorkerEnd => ({ end: this.#end, command: undefined, reason })
    while (!stopped.aborted) {
      await sleep(silenceMs / CHECKS_PER_SILENCE, undefined, { signal: AbortSignal.any([signal, stopped]) }).catch(
        ended,
      )
      if (signal.aborted) return given('aborted')
      const silent = performance.now() - this.#heard
      if (silent < silenceMs) continue
      events.emit('remote.heartbeat_lost', { sandbox, seconds: Math.round(silent / 1000) })
      return given('silent')
    }
    return given(undefined)
  }

  async #catchUp(): Promise<void> {
    try {
      await this.#reader.catchUp()
    } catch (error) {
      if (!(error instanceof SandboxFault)) throw error
      this.#options.events.emit('remote.end_missing', { sandbox: this.#options.sandbox, class: error.faultClass })
    }
  }

  /** Everything that the worker has said, as it wrote it down itself. */
  async #eventsFile(): Promise<string> {
    const { port, sandbox, signal } = this.#options
    const chunks: Uint8Array[] = []
    let bytes = 0
    for await (const chunk of await port.download(sandbox, PLACES.events, 0, signal)) {
      bytes += chunk.byteLength
      if (bytes > EVENTS_BYTES) break
      chunks.push(chunk)
    }
    return Buffer.concat(chunks).toString('utf8')
  }
}

function classOf(error: unknown): string {
  return error instanceof SandboxFault ? error.faultClass : 'unknown'
}

function ended(): void {
  // A wait that was ended early is over.
}
