import { GENESIS } from './audit-chain.js'
import { type AuditEvent, parseRecord } from './audit-record.js'
import type { Segment } from './segment.js'
import type { SegmentStore } from './segment-store.js'

/** The last record of the log: where the next one is chained to. */
export interface ChainHead {
  readonly seq: number
  readonly h: string
  /** The last record closed its segment, so the next one opens a new segment. */
  readonly closed: boolean
}

/** Types of the records that the log writes about itself. */
export const LOG_EVENTS = {
  segmentOpened: 'audit.segment_opened',
  segmentClosed: 'audit.segment_closed',
  tailRecovered: 'audit.tail_recovered',
  tailCut: 'audit.tail_cut',
  degraded: 'audit.degraded',
  eventsLost: 'audit.events_lost',
  checkpointSigned: 'audit.checkpoint_signed',
  segmentsRetired: 'audit.segments_retired',
} as const

const NOTHING: ChainHead = { seq: -1, h: GENESIS, closed: false }

/** Knows which segment is the current one and what its last record is, whatever other writers, crashes and outsiders
 * did since the last look. Call everything under the directory's lock; `note` receives the records that must go into
 * the log about what was found. */
export class AuditSegments {
  readonly #store: SegmentStore
  readonly #note: (event: AuditEvent) => void
  #segment: Segment | undefined
  #openedBecause = 'rotated'
  #recoveries = 0
  head: ChainHead = NOTHING

  constructor(store: SegmentStore, note: (event: AuditEvent) => void) {
    this.#store = store
    this.#note = note
  }

  get recoveries(): number {
    return this.#recoveries
  }

  /** Finds the head and repairs a torn tail without creating anything. */
  async open(): Promise<void> {
    const latest = this.#store.latest()
    if (latest > 0) await this.#adopt(latest)
  }

  /** The segment that the next record belongs to, compared with the disk; `head` is right when this returns. */
  async current(): Promise<Segment> {
    if (this.#segment === undefined) {
      const latest = this.#store.latest()
      if (latest === 0) this.#segment = await this.#store.create(1)
      else await this.#adopt(latest)
    }
    const state = this.#segment!.inspect()
    if (state === 'replaced') await this.#leaveReplaced()
    else if (this.#store.exists(this.#segment!.number + 1)) await this.#adopt(this.#store.latest())
    // The recheck: another writer was here, so what this one knows of the head is history.
    else if (state === 'resized') await this.#readHead()
    if (this.head.closed) await this.startNext('rotated')
    return this.#segment!
  }

  /** Creates the next segment; the record that links it to the last one goes out with the next batch. */
  async startNext(reason: string): Promise<Segment> {
    const next = await this.#store.create((this.#segment?.number ?? 0) + 1)
    await this.#segment?.close()
    this.#segment = next
    this.#openedBecause = reason
    this.head = { ...this.head, closed: false }
    return next
  }

  /** The record that opens a segment, or undefined where none belongs. */
  header(): AuditEvent | undefined {
    const segment = this.#segment
    if (segment === undefined || segment.number === 1 || segment.size > 0) return undefined
    const data = { previous_seq: this.head.seq, previous_h: this.head.h, reason: this.#openedBecause }
    return { type: LOG_EVENTS.segmentOpened, data }
  }

  get opened(): Segment | undefined {
    return this.#segment
  }

  async close(): Promise<void> {
    const segment = this.#segment
    this.#segment = undefined
    await segment?.close()
  }

  async #adopt(number: number): Promise<void> {
    const next = await this.#store.open(number)
    await this.#segment?.close()
    this.#segment = next
    this.#openedBecause = 'resumed'
    await this.#readHead()
  }

  async #leaveReplaced(): Promise<void> {
    const lost = this.#segment!
    const latest = this.#store.latest()
    if (latest > lost.number) return await this.#adopt(latest)
    await this.startNext('segment_lost')
  }

  async #readHead(): Promise<void> {
    const segment = this.#segment!
    const tail = await segment.readTail()
    if (tail.torn !== null) {
      const quarantined = await this.#store.quarantine(segment, tail.torn, tail.goodSize)
      this.#recoveries += 1
      this.#note({ type: LOG_EVENTS.tailRecovered, data: { ...quarantined } })
    }
    const found = tail.line === null ? await this.#headBelow(segment.number) : await lastHead(segment, tail.line)
    if (found.seq >= this.head.seq) this.head = found
    else this.#note({ type: LOG_EVENTS.tailCut, data: { known_seq: this.head.seq, found_seq: found.seq } })
    segment.remember()
    // A last line that is whole but no record stays as evidence: the log goes on in a new segment.
    if (tail.line !== null && headOf(tail.line) === undefined) await this.startNext('damaged_tail')
  }

  /** The head of an empty segment: the last record of the segments before it. */
  async #headBelow(number: number): Promise<ChainHead> {
    for (const lower of this.#store.numbers().reverse()) {
      if (lower >= number) continue
      const segment = await this.#store.open(lower)
      try {
        const { line } = await segment.readTail()
        if (line !== null) return { ...(await lastHead(segment, line)), closed: false }
      } finally {
        await segment.close()
      }
    }
    return NOTHING
  }
}

/** The head that the last line stands for. Lines that are no records count as one place each. */
async function lastHead(segment: Segment, line: Uint8Array): Promise<ChainHead> {
  const head = headOf(line)
  if (head !== undefined) return head
  const before = await segment.lastLineThat((candidate) => headOf(candidate) !== undefined)
  const found = before === undefined ? undefined : headOf(before.line)
  return found === undefined ? NOTHING : { seq: found.seq + before!.after, h: found.h, closed: false }
}

function headOf(line: Uint8Array): ChainHead | undefined {
  const record = parseRecord(line)
  return record && { seq: record.seq, h: record.h, closed: record.type === LOG_EVENTS.segmentClosed }
}
