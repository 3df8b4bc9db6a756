import { lstatSync, readdirSync } from 'node:fs'
import { parseRecord } from './audit-record.js'
import { LOG_EVENTS } from './audit-segments.js'
import { readLines } from './line-reader.js'
import { containedPath } from './private-files.js'
import { parseSegmentName } from './segment-store.js'

/** How much of a log is kept. What is left out sets no limit. */
export interface RetentionRule {
  readonly maxAgeMs?: number | undefined
  readonly maxBytes?: number | undefined
}

/** The oldest segments of a log, which its rule no longer keeps. */
export interface RetirementPlan {
  readonly segments: readonly string[]
  readonly bytes: number
  /** Number of the last of them. */
  readonly through: number
  /** Their last record: what the log goes on from. */
  readonly last: { readonly seq: number; readonly h: string }
}

const CHAIN = 'audit'

/** Works out which whole segments of the log in `dir` are too old or too much. The latest segment always stays, and so
 * does everything from the first segment on that does not end as a closed one does. Undefined where there is nothing. */
export async function planRetirement(dir: string, rule: RetentionRule): Promise<RetirementPlan | undefined> {
  const segments = closedSegments(dir)
  let total = segments.reduce((sum, { bytes }) => sum + bytes, 0)
  const retired: string[] = []
  let bytes = 0
  let through = 0
  let last: RetirementPlan['last'] | undefined
  for (const segment of segments.slice(0, -1)) {
    const tooOld = rule.maxAgeMs !== undefined && Date.now() - segment.changedMs > rule.maxAgeMs
    const tooMuch = rule.maxBytes !== undefined && total > rule.maxBytes
    if (!tooOld && !tooMuch) break
    const end = await closingRecord(containedPath(dir, segment.name), segment.bytes)
    if (end === undefined) break
    last = end
    through = segment.number
    total -= segment.bytes
    bytes += segment.bytes
    retired.push(segment.name)
  }
  return last === undefined ? undefined : { segments: retired, bytes, through, last }
}

function closedSegments(dir: string) {
  return readdirSync(dir)
    .flatMap((name) => {
      const parsed = parseSegmentName(name)
      const found = lstatSync(containedPath(dir, name), { throwIfNoEntry: false })
      // A link would lead to a file that is not the log's.
      if (parsed?.chain !== CHAIN || found === undefined || !found.isFile()) return []
      return [{ name, number: parsed.number, bytes: found.size, changedMs: found.mtimeMs }]
    })
    .sort((a, b) => a.number - b.number)
}

async function closingRecord(path: string, size: number): Promise<RetirementPlan['last'] | undefined> {
  let last: Buffer | undefined
  const torn = await readLines(path, size, Number.POSITIVE_INFINITY, (line) => {
    last = Buffer.from(line)
  })
  const record = last === undefined || torn > 0 ? undefined : parseRecord(last)
  return record?.type === LOG_EVENTS.segmentClosed ? { seq: record.seq, h: record.h } : undefined
}
