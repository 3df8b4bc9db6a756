import type { RemoteEventPort } from './events.js'
import { MAX_FRAME_BYTES, PROTOCOL_VERSION, type WorkerFrame, workerFrame } from './protocol.js'

/** Frames may wait up to so many characters while one is handled. What does not fit is left out, and found again by its
 * number in the file of events. */
const QUEUE_LIMIT = 4 << 20
/** A worker has no more frames than this between two that arrive; a greater step is not believed. */
const MAX_STEP = 1_000_000

export interface FrameReaderOptions {
  /** Called for every frame exactly once, in order. */
  readonly onFrame: (frame: WorkerFrame) => void | Promise<void>
  /** Gives the text of the worker's file of events, where the frames from `fromSeq` on are looked for. */
  readonly backfill: (fromSeq: number) => Promise<string>
  readonly events: RemoteEventPort
}

/** What came of the output of a worker. */
export interface FrameCounts {
  readonly handled: number
  /** Lines that are no frames. */
  readonly malformed: number
  /** Frames that came more than once. */
  readonly repeated: number
  /** Frames that are neither in the output nor in the file. */
  readonly lost: number
  /** How often the handler threw. */
  readonly failed: number
}

type Parsed = { readonly frame: WorkerFrame } | { readonly problem: string }

/** Turns the output of a worker into frames: each is handled once, in the order of their numbers, however the output was
 * cut into chunks and whatever of it was lost on the way. The output is not trusted: lines are bounded, and those that are
 * no frames are counted and passed over. */
export class FrameReader {
  readonly #options: FrameReaderOptions
  readonly #counts = { handled: 0, malformed: 0, repeated: 0, lost: 0, failed: 0 }
  #carry = ''
  /** The line is longer than a frame may be: its rest is passed over. */
  #skipping = false
  #expected = 0
  #queued = 0
  #work: Promise<void> = Promise.resolve()

  constructor(options: FrameReaderOptions) {
    this.#options = options
  }

  get counts(): FrameCounts {
    return { ...this.#counts }
  }

  /** Whether a frame could not be handled: the run has to say so. */
  get handlerFailed(): boolean {
    return this.#counts.failed > 0
  }

  /** Takes the next piece of the output. Never throws. */
  push(chunk: string): void {
    let from = 0
    for (let at = chunk.indexOf('\n'); at >= 0; at = chunk.indexOf('\n', from)) {
      this.#add(chunk.slice(from, at))
      this.#endLine()
      from = at + 1
    }
    this.#add(chunk.slice(from))
  }

  /** The output is over: waits until everything that was pushed has been handled. Never rejects. */
  async end(): Promise<void> {
    if (this.#carry !== '' || this.#skipping) this.#options.events.emit('frame.truncated')
    this.#carry = ''
    this.#skipping = false
    for (let work: Promise<void> | undefined; work !== this.#work; ) {
      work = this.#work
      await work
    }
  }

  /** Handles the frames that the file of events has after the last one that was handled. Throws what reading it throws. */
  async catchUp(): Promise<void> {
    await this.#next(async () => {
      await this.#fill(await this.#find(this.#expected + MAX_STEP))
    })
  }

  #add(text: string): void {
    if (this.#skipping) return
    this.#carry += text
    if (this.#carry.length <= MAX_FRAME_BYTES) return
    this.#carry = ''
    this.#skipping = true
  }

  #endLine(): void {
    const line = this.#carry
    const isTooLong = this.#skipping || Buffer.byteLength(line) >= MAX_FRAME_BYTES
    this.#carry = ''
    this.#skipping = false
    if (!isTooLong && line.trim() === '') return
    const parsed: Parsed = isTooLong ? { problem: 'too_long' } : parse(line)
    if ('problem' in parsed) {
      this.#reject(parsed.problem)
      return
    }
    if (this.#queued + line.length > QUEUE_LIMIT) return
    this.#queued += line.length
    void this.#next(async () => {
      this.#queued -= line.length
      await this.#take(parsed.frame)
    })
  }

  /** One thing after the other; what fails holds up nothing. */
  #next(work: () => Promise<void>): Promise<void> {
    const done = this.#work.then(work)
    this.#work = done.then(undefined, toldAlready)
    return done
  }

  async #take(frame: WorkerFrame): Promise<void> {
    const step = frame.seq - this.#expected
    if (step > MAX_STEP) return this.#reject('sequence')
    if (step < 0) {
      this.#counts.repeated++
      return
    }
    if (step > 0) {
      this.#options.events.emit('frame.gap', { count: step, frame: frame.seq })
      await this.#fill(await this.#findFor(frame.seq))
      this.#lose(frame.seq)
    }
    await this.#handle(frame)
  }

  /** Handles frames that were found in the file. */
  async #fill(found: readonly WorkerFrame[]): Promise<void> {
    for (const frame of found) {
      this.#lose(frame.seq)
      await this.#handle(frame)
    }
    if (found.length > 0) this.#options.events.emit('frame.backfilled', { count: found.length })
  }

  /** Gives up the frames before this one: neither the output nor the file has them. */
  #lose(before: number): void {
    const lost = before - this.#expected
    if (lost === 0) return
    this.#counts.lost += lost
    this.#options.events.emit('frame.gap', { count: lost, frame: before, class: 'lost' })
  }

  /** What the file has of a gap: nothing where it cannot be read. */
  async #findFor(before: number): Promise<readonly WorkerFrame[]> {
    try {
      return await this.#find(before)
    } catch {
      this.#options.events.emit('frame.gap', { frame: before, class: 'file_unreadable' })
      return []
    }
  }

  /** Frames of the file from the expected one up to `before`, in order, each once. A tail without its end is no line. */
  async #find(before: number): Promise<readonly WorkerFrame[]> {
    const text = await this.#options.backfill(this.#expected)
    const found = new Map<number, WorkerFrame>()
    for (let from = 0, at = text.indexOf('\n'); at >= 0; from = at + 1, at = text.indexOf('\n', from)) {
      if (at - from > MAX_FRAME_BYTES) continue
      const parsed = parse(text.slice(from, at))
      if ('problem' in parsed) continue
      const { seq } = parsed.frame
      if (seq >= this.#expected && seq < before && !found.has(seq)) found.set(seq, parsed.frame)
    }
    return [...found.values()].sort((a, b) => a.seq - b.seq)
  }

  async #handle(frame: WorkerFrame): Promise<void> {
    this.#expected = frame.seq + 1
    this.#counts.handled++
    try {
      await this.#options.onFrame(frame)
    } catch {
      this.#counts.failed++
      this.#options.events.emit('frame.handler_failed', { frame: frame.seq, class: frame.t })
    }
  }

  #reject(problem: string): void {
    this.#counts.malformed++
    this.#options.events.emit('frame.malformed', { class: problem })
  }
}

function parse(line: string): Parsed {
  let json: unknown
  try {
    json = JSON.parse(line)
  } catch {
    return { problem: 'not_json' }
  }
  const parsed = workerFrame.safeParse(json)
  if (parsed.success) return { frame: parsed.data }
  const version = typeof json === 'object' && json !== null && 'v' in json ? json.v : undefined
  return { problem: version === PROTOCOL_VERSION ? 'shape' : 'version' }
}

function toldAlready(): void {
  // Whoever asked for it has the error; what comes after does not depend on it.
}
