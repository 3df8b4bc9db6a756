import { readdirSync, statSync } from 'node:fs'
import { AirlockError } from '../errors/index.js'
import { AUDIT_DEFAULTS } from './audit-options.js'
import { type AuditRecord, parseRecord } from './audit-record.js'
import { errnoOf } from './errno.js'
import { readLines } from './line-reader.js'
import { containedPath } from './private-files.js'
import { parseSegmentName } from './segment-store.js'

/** What a log holds, counted. */
export interface AuditSummary {
  readonly segments: number
  readonly bytes: number
  readonly records: number
  /** Lines that are no records; `verify` says more. */
  readonly unreadable: number
  readonly first: string | null
  readonly last: string | null
  /** Type → outcome → records. */
  readonly types: Readonly<Record<string, Readonly<Record<string, number>>>>
}

/** The last `count` records of the log in `dir`, oldest first, as they were masked when they were written. Throws
 * AUDIT_UNAVAILABLE for a folder that cannot be read. */
export async function lastRecords(dir: string, count: number): Promise<readonly AuditRecord[]> {
  let last: AuditRecord[] = []
  for (const { path, bytes } of segmentsOf(dir).reverse()) {
    const here: AuditRecord[] = []
    await eachRecord(path, bytes, (record) => {
      if (record === undefined) return
      here.push(record)
      if (here.length > 2 * count) here.splice(0, here.length - count)
    })
    last = [...here, ...last].slice(-count)
    if (last.length >= count) break
  }
  return last
}

/** Counts the records of the log in `dir`. Checks nothing: that is what `verify` does. */
export async function summariseLog(dir: string): Promise<AuditSummary> {
  const segments = segmentsOf(dir)
  const types: Record<string, Record<string, number>> = Object.create(null)
  let [records, unreadable] = [0, 0]
  let [first, last]: (string | null)[] = [null, null]
  for (const { path, bytes } of segments) {
    await eachRecord(path, bytes, (record) => {
      if (record === undefined) {
        unreadable++
        return
      }
      records++
      first ??= record.ts
      last = record.ts
      types[record.type] ??= Object.create(null)
      const outcomes = types[record.type]!
      outcomes[record.outcome] = (outcomes[record.outcome] ?? 0) + 1
    })
  }
  const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0)
  return { segments: segments.length, bytes, records, unreadable, first: first ?? null, last: last ?? null, types }
}

/** Gives every record of the log in `dir` to `onRecord`, oldest first. */
export async function readAuditLog(dir: string, onRecord: (record: AuditRecord) => void): Promise<void> {
  for (const { path, bytes } of segmentsOf(dir)) {
    await eachRecord(path, bytes, (record) => {
      if (record !== undefined) onRecord(record)
    })
  }
}

/** The line after the last line break is being written, or torn. */
async function eachRecord(path: string, bytes: number, onRecord: (record: AuditRecord | undefined) => void) {
  await readLines(path, bytes, 4 * AUDIT_DEFAULTS.maxLineBytes, (line, whole) => {
    onRecord(whole ? parseRecord(line) : undefined)
  })
}

function segmentsOf(dir: string): { readonly path: string; readonly bytes: number }[] {
  try {
    return readdirSync(dir)
      .filter((name) => parseSegmentName(name)?.chain.startsWith('audit') === true)
      .sort()
      .map((name) => ({ path: containedPath(dir, name), bytes: statSync(containedPath(dir, name)).size }))
  } catch (error) {
    const origin = errnoOf(error)
    throw new AirlockError('AUDIT_UNAVAILABLE', { phase: 'audit', ...(origin === undefined ? {} : { origin }) })
  }
}
