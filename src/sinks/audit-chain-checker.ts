import { type KeyObject, verify } from 'node:crypto'
import { type ChainDigest, GENESIS, keyedDigest, sealKeyOf, sha256Digest } from './audit-chain.js'
import { type AuditAnchor, anchorMessage, keyIdOf } from './audit-checkpointer.js'
import { type AuditLine, readAuditLine } from './audit-line.js'
import { LOG_EVENTS } from './audit-segments.js'

/** Why a line is wrong. `changed`: its bytes or those of the line before it are not what was digested. `removed`: records
 * before it are missing. `repeated`: its number was there before (inserted, copied or swapped lines). */
export type ProblemReason =
  | 'changed'
  | 'removed'
  | 'repeated'
  | 'not_a_record'
  | 'not_canonical'
  | 'too_long'
  | 'wrong_format'
  | 'key_needed'
  | 'torn_tail'
  | 'segment_missing'
  | 'checkpoint_mismatch'
  | 'signature_invalid'
  | 'anchor_mismatch'
  | 'anchor_missing'

export interface AuditProblem {
  readonly segment: string
  /** 1 is the first line; null where no line is there to point at. */
  readonly line: number | null
  readonly seq: number | null
  readonly reason: ProblemReason
  readonly detail: string
}

export interface AuditGap {
  readonly from: number
  readonly to: number
}

export interface ChainKeys {
  readonly key: Uint8Array | undefined
  readonly publicKey: KeyObject | undefined
  readonly anchors: readonly AuditAnchor[]
}

/** What the record of a retirement says: the last segment that went, and its last record. */
interface Retirement {
  readonly through: number
  readonly last_seq: number
  readonly last_h: string
}

const MAX_PROBLEMS = 1000

/** Follows one chain line by line. After a problem it goes on from what the line itself states, so that one change is
 * one problem (two where the digest of a line was changed: its own and its successor's). */
export class ChainChecker {
  readonly chain: string
  readonly problems: AuditProblem[] = []
  readonly gaps: AuditGap[] = []
  readonly metAnchors = new Set<AuditAnchor>()
  readonly checkpoints = { valid: 0, invalid: 0, unchecked: 0 }
  problemCount = 0
  records = 0
  readonly #keys: ChainKeys
  readonly #anchors: ReadonlyMap<number, readonly AuditAnchor[]>
  #segment = ''
  #number = 0
  #line = 0
  #format = 0
  #digest: ChainDigest | undefined
  #afterMissing = false
  /** What the first segment that is there was chained to, where the log no longer has its beginning. */
  #beginsAfter: Retirement | undefined
  #retired: Retirement[] = []
  #prev = GENESIS
  #expected = 0

  constructor(chain: string, keys: ChainKeys) {
    this.chain = chain
    this.#keys = keys
    this.#anchors = groupBySeq(keys.anchors)
  }

  get head(): { readonly seq: number; readonly h: string } | null {
    return this.#expected === 0 ? null : { seq: this.#expected - 1, h: this.#prev }
  }

  /** The last record that was removed by its owner, as the log itself says, or -1. Known after `finish`. */
  get retiredThrough(): number {
    return this.#retired.some((retired) => covers(retired, this.#beginsAfter))
      ? (this.#beginsAfter?.last_seq ?? -1)
      : -1
  }

  /** Call after the last segment: a beginning that was retired is no problem after all. */
  finish(): void {
    if (this.retiredThrough < 0) return
    // The two that its absence was reported as: the segments, and the records.
    this.problems.splice(0, 2)
    this.problemCount -= 2
    this.gaps.shift()
  }

  startSegment(name: string, number: number): void {
    this.#segment = name
    this.#line = 0
    this.#format = 0
    if (number !== this.#number + 1) {
      this.#afterMissing = true
      this.#report('segment_missing', null, `segments ${this.#number + 1} to ${number - 1} are not there`)
    }
    this.#number = number
  }

  /** Ends the segment and gives its number of lines. */
  endSegment(tornBytes: number): number {
    const lines = this.#line
    if (tornBytes > 0) {
      this.#line += 1
      this.#report('torn_tail', null, `${tornBytes} bytes without an end of line`)
    }
    return lines
  }

  checkLine(line: Buffer, whole: boolean): void {
    this.#line += 1
    this.records += 1
    if (!whole) {
      this.#reject('too_long', 'the line is longer than any record')
      return
    }
    const record = readAuditLine(line)
    if (record === undefined) {
      this.#reject('not_a_record', 'the line is not one whole JSON record that ends with its digest')
      return
    }
    // Readers that differ in which of two equal keys they take would see different records in the same bytes.
    if (!record.canonical) this.#report('not_canonical', record.seq, 'repeated keys or unusual spelling')
    this.#linkAfterMissing(record)
    const digest = this.#digestFor(record)
    this.#checkPlace(record, digest === undefined || digest(this.#prev, record.body) === record.h)
    this.#checkAnchors(record)
  }

  #checkPlace(record: AuditLine, intact: boolean): void {
    const { seq, h } = record
    if (seq < this.#expected) {
      this.#report('repeated', seq, `number ${seq} stands after ${this.#expected - 1}`)
      return
    }
    if (seq > this.#expected) {
      const gap = { from: this.#expected, to: seq - 1 }
      this.gaps.push(gap)
      this.#report('removed', seq, `records ${gap.from} to ${gap.to} are missing before it`)
    } else if (!intact) {
      this.#report('changed', seq, 'the digest does not fit the line and the one before it')
    }
    if (record.type === LOG_EVENTS.segmentsRetired && intact) this.#retired.push(record.data as Retirement)
    if (record.type === LOG_EVENTS.checkpointSigned) this.#checkCheckpoint(record, seq === this.#expected && intact)
    this.#prev = h
    this.#expected = seq + 1
  }

  #checkCheckpoint(record: AuditLine, inPlace: boolean): void {
    const anchor = record.data as Partial<AuditAnchor> | null
    const { publicKey } = this.#keys
    const fits = anchor?.seq === this.#expected - 1 && anchor.h === this.#prev
    if (inPlace && !fits) {
      this.checkpoints.invalid += 1
      this.#report('checkpoint_mismatch', record.seq, 'the checkpoint signs another record than the one before it')
    } else if (publicKey === undefined) {
      this.checkpoints.unchecked += 1
    } else if (isSignedBy(anchor, publicKey)) {
      this.checkpoints.valid += 1
    } else {
      this.checkpoints.invalid += 1
      this.#report('signature_invalid', record.seq, 'the checkpoint is not signed by this key')
    }
  }

  #checkAnchors(record: AuditLine): void {
    for (const anchor of this.#anchors.get(record.seq) ?? []) {
      const { publicKey } = this.#keys
      if (publicKey !== undefined && !isSignedBy(anchor, publicKey)) {
        this.#report('signature_invalid', record.seq, 'the anchor is not signed by this key')
      } else if (anchor.h === record.h) {
        this.metAnchors.add(anchor)
      }
    }
  }

  /** The records before this segment are gone; its first record states the digest that it was chained to. */
  #linkAfterMissing(record: AuditLine): void {
    if (!this.#afterMissing) return
    this.#afterMissing = false
    const data = record.data as { readonly previous_h?: unknown; readonly previous_seq?: unknown } | null
    if (record.type !== LOG_EVENTS.segmentOpened || typeof data?.previous_h !== 'string') return
    this.#prev = data.previous_h
    if (this.#expected === 0 && data.previous_seq === record.seq - 1) {
      this.#beginsAfter = { through: this.#number - 1, last_seq: record.seq - 1, last_h: data.previous_h }
    }
  }

  #digestFor(record: AuditLine): ChainDigest | undefined {
    if (this.#format === 0) {
      this.#format = record.v
      this.#digest = this.#chooseDigest(record)
    } else if (record.v !== this.#format) {
      this.#report('wrong_format', record.seq, 'the format differs from the lines before it')
    }
    return this.#digest
  }

  #chooseDigest(record: AuditLine): ChainDigest | undefined {
    const { key } = this.#keys
    if (key !== undefined && record.v === 2) return keyedDigest('hmac', key)
    if (key !== undefined && record.v === 3) return keyedDigest('sealed', sealKeyOf(key, this.#number))
    if (key === undefined && record.v === 1) return sha256Digest()
    if (key === undefined) this.#report('key_needed', record.seq, 'this segment can be checked with its key only')
    else this.#report('wrong_format', record.seq, 'a key was given, and this segment is not keyed')
    return undefined
  }

  /** Counts a line that is no record: it stands for one number. */
  #reject(reason: ProblemReason, detail: string): void {
    this.#report(reason, null, detail)
    this.#expected += 1
  }

  #report(reason: ProblemReason, seq: number | null, detail: string): void {
    this.problemCount += 1
    if (this.problems.length >= MAX_PROBLEMS) return
    const line = reason === 'segment_missing' ? null : this.#line
    this.problems.push({ segment: this.#segment, line, seq, reason, detail })
  }
}

/** Whether a log that begins after `found` lacks nothing but what was retired. After a crash in the middle of a removal a
 * part of that may still be there. */
function covers(retired: Retirement, found: Retirement | undefined): boolean {
  if (found === undefined || found.through > retired.through) return false
  return found.through < retired.through || (found.last_seq === retired.last_seq && found.last_h === retired.last_h)
}

function isSignedBy(anchor: Partial<AuditAnchor> | null, publicKey: KeyObject): boolean {
  if (typeof anchor?.seq !== 'number' || typeof anchor.h !== 'string' || typeof anchor.sig !== 'string') return false
  if (anchor.key !== keyIdOf(publicKey)) return false
  return verify(null, anchorMessage(anchor.seq, anchor.h), publicKey, Buffer.from(anchor.sig, 'base64'))
}

function groupBySeq(anchors: readonly AuditAnchor[]): ReadonlyMap<number, readonly AuditAnchor[]> {
  const groups = new Map<number, AuditAnchor[]>()
  for (const anchor of anchors) groups.set(anchor.seq, [...(groups.get(anchor.seq) ?? []), anchor])
  return groups
}
