import type { ArmedFault } from './fault-injector.js'
import type { FaultAt, StreamFaultKind } from './faults.js'
import type { EndEvent, OutputKind, OutputListener } from './guest-process.js'

type ArmedStreamFault = ArmedFault<FaultAt<'stream'>>

/** What happens when a stream of output has come to a certain byte. */
type Action = Extract<
  StreamFaultKind,
  'cut' | 'stop' | 'process-killed' | 'exit' | 'sandbox-killed' | 'sandbox-expired'
>

/** Where the output goes. An end without an event is what `no-end` leaves. */
export interface StreamOutlet {
  data(kind: OutputKind, chunk: Buffer): Promise<void>
  end(event: EndEvent | undefined): Promise<void>
}

/** What the faults of a stream do to others than its bytes. */
export interface StreamActions {
  /** Does what the fault says. False: nothing more of this stream is to be sent. */
  act(kind: Action, fault: FaultAt<'stream'>): boolean
  /** A fault has happened. */
  note(kind: StreamFaultKind): void
}

const ACTIONS: readonly string[] = [
  'cut',
  'stop',
  'process-killed',
  'exit',
  'sandbox-killed',
  'sandbox-expired',
] satisfies readonly Action[]

const NOISE = 'Warning: this line is no JSON\n'
const NEWLINE = 10

/** Lets output through to an outlet, unharmed but for the faults of its stream. */
export class StreamFaults implements OutputListener {
  readonly #armed: readonly ArmedStreamFault[]
  readonly #actions: StreamActions
  readonly #to: StreamOutlet
  /** Bytes of stdout that have passed. */
  #passed = 0
  #lastByte = NEWLINE
  /** Once it has begun, to the end of the stream. */
  #isSplit = false
  #isOver = false

  constructor(armed: readonly ArmedStreamFault[], actions: StreamActions, to: StreamOutlet) {
    this.#armed = armed
    this.#actions = actions
    this.#to = to
  }

  /** To be called once before any output: for faults that happen at byte 0. */
  begin(): void {
    this.#due(0)
  }

  async data(kind: OutputKind, chunk: Buffer): Promise<void> {
    if (kind === 'stderr') {
      if (!this.#isOver) await this.#to.data(kind, chunk)
      return
    }
    for (let rest = chunk; rest.length > 0 && !this.#isOver; ) {
      const next = Math.min(...this.#pending().map(({ fault }) => fault.after ?? 0), this.#passed + rest.length)
      const part = rest.subarray(0, Math.max(0, next - this.#passed))
      rest = rest.subarray(part.length)
      if (part.length > 0) await this.#chunk(part)
      this.#due(this.#passed)
    }
  }

  async end(event: EndEvent): Promise<void> {
    if (this.#isOver) return
    await this.#to.end(this.#happens('no-end') === undefined ? event : undefined)
  }

  /** Actions whose byte has not come yet, or whose times are not used up. */
  #pending(): readonly ArmedStreamFault[] {
    return this.#armed.filter(({ fault }) => ACTIONS.includes(fault.kind) && (fault.after ?? 0) > this.#passed)
  }

  #due(at: number): void {
    for (const armed of this.#armed) {
      const { fault } = armed
      if (this.#isOver || !ACTIONS.includes(fault.kind) || (fault.after ?? 0) !== at || !armed.fire()) continue
      this.#actions.note(fault.kind)
      this.#isOver = !this.#actions.act(fault.kind as Action, fault)
    }
  }

  async #chunk(part: Buffer): Promise<void> {
    const startsLine = this.#lastByte === NEWLINE
    const noise = startsLine ? this.#happens('noise') : undefined
    const isDropped = this.#happens('drop-chunk') !== undefined
    const isRepeated = !isDropped && this.#happens('repeat-chunk') !== undefined
    this.#isSplit ||= this.#happens('one-byte-chunks') !== undefined
    this.#passed += part.length
    this.#lastByte = part[part.length - 1] ?? this.#lastByte
    if (noise !== undefined) await this.#to.data('stdout', Buffer.from(noise.line ?? NOISE))
    for (let copy = isDropped ? 0 : isRepeated ? 2 : 1; copy > 0; copy--) {
      if (!this.#isSplit) await this.#to.data('stdout', part)
      else for (const byte of part) await this.#to.data('stdout', Buffer.of(byte))
    }
  }

  /** The first fault of this kind whose byte has passed, which has happened by this. */
  #happens(kind: StreamFaultKind): FaultAt<'stream'> | undefined {
    const armed = this.#armed.find(
      (one) => one.fault.kind === kind && (one.fault.after ?? 0) <= this.#passed && one.fire(),
    )
    if (armed !== undefined) this.#actions.note(kind)
    return armed?.fault
  }
}
