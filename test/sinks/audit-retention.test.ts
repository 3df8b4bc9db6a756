import { cpSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { AuditLog } from '../../src/sinks/audit-log.js'
import { planRetirement } from '../../src/sinks/audit-retention.js'
import { openLog, readRecords, scratch, segmentPaths, upTo } from './support.js'

async function logOf(records: number): Promise<{ readonly dir: string; readonly log: AuditLog }> {
  const dir = scratch()
  const log = await openLog(dir, { durability: 'none', maxSegmentBytes: 2000 })
  for (const i of upTo(records)) await log.append({ type: 'row.written', op: `${i}` })
  expect(segmentPaths(dir).length).toBeGreaterThan(3)
  return { dir, log }
}

const DAY = 86_400_000

describe('retention of the audit log', () => {
  it('retires the oldest segments by age and by size, and never the one that is written to', async () => {
    const { dir } = await logOf(40)
    const paths = segmentPaths(dir)
    expect(await planRetirement(dir, {})).toBeUndefined()
    expect(await planRetirement(dir, { maxAgeMs: DAY })).toBeUndefined()
    const old = new Date(Date.now() - 3 * DAY)
    for (const path of paths.slice(0, 2)) utimesSync(path, old, old)
    const names = paths.map((path) => basename(path))
    expect((await planRetirement(dir, { maxAgeMs: DAY }))!.segments).toEqual(names.slice(0, 2))
    expect((await planRetirement(dir, { maxBytes: 1 }))!.segments).toEqual(names.slice(0, -1))
  })

  // Guard: the record of the retirement. Broken once by removing without it: the verification named the gap.
  it('leaves a log that verifies, with what went in a record, and writers that go on', async () => {
    const { dir, log } = await logOf(40)
    const plan = (await planRetirement(dir, { maxBytes: 4000 }))!
    await log.retire(plan)
    await log.append({ type: 'row.written', op: 'after' })
    expect(segmentPaths(dir).map((path) => basename(path))).not.toEqual(expect.arrayContaining([...plan.segments]))
    const verified = await AuditLog.verify(dir)
    expect(verified).toMatchObject({ ok: true, problems: [], gaps: [], retiredThrough: plan.last.seq })
    const record = readRecords(dir).find(({ type }) => type === 'audit.segments_retired')!
    expect(record.data).toMatchObject({ segments: plan.segments, last_h: plan.last.h })
    // A second time, by another instance.
    const other = await openLog(dir, { durability: 'none', maxSegmentBytes: 2000 })
    for (const i of upTo(30)) await other.append({ type: 'row.written', op: `again-${i}` })
    await other.retire((await planRetirement(dir, { maxBytes: 4000 }))!)
    expect((await AuditLog.verify(dir)).ok).toBe(true)
  })

  // Guard: how far the record says that the removal went, and to which record. Broken once by accepting any beginning.
  it('does not take somebody else’s removal for a retirement', async () => {
    const { dir, log } = await logOf(60)
    await log.retire((await planRetirement(dir, { maxBytes: 8000 }))!)
    await log.close()
    const more = join(scratch(), 'more')
    cpSync(dir, more, { recursive: true })
    rmSync(segmentPaths(more)[0]!)
    expect((await AuditLog.verify(more)).problems.map(({ reason }) => reason)).toEqual(['segment_missing', 'removed'])
    const forged = join(scratch(), 'forged')
    cpSync(more, forged, { recursive: true })
    const last = segmentPaths(forged).at(-1)!
    const text = readFileSync(last, 'utf8')
    const through = /"through":(\d+)/.exec(text)
    if (through !== null) writeFileSync(last, text.replace(through[0], `"through":${Number(through[1]) + 1}`))
    expect((await AuditLog.verify(forged)).ok).toBe(false)
  })

  it('survives a crash between the record and the removal', async () => {
    const { dir, log } = await logOf(40)
    const kept = join(scratch(), 'kept')
    cpSync(dir, kept, { recursive: true })
    const plan = (await planRetirement(dir, { maxBytes: 4000 }))!
    await log.retire(plan)
    for (const name of plan.segments) cpSync(join(kept, name), join(dir, name))
    expect(await AuditLog.verify(dir)).toMatchObject({ ok: true, retiredThrough: -1 })
    rmSync(join(dir, plan.segments[0]!))
    expect(await AuditLog.verify(dir)).toMatchObject({ ok: true })
    const again = await planRetirement(dir, { maxBytes: 4000 })
    expect(again!.segments).toEqual(expect.arrayContaining(plan.segments.slice(1)))
  })

  // Guard: only files, no links. Broken once by following them: the target of the link was counted as a segment.
  it('does not follow a link that is called like a segment', async () => {
    const { dir } = await logOf(40)
    const path = segmentPaths(dir)[0]!
    const outside = join(scratch(), 'outside.jsonl')
    cpSync(path, outside)
    rmSync(path)
    symlinkSync(outside, path)
    const plan = await planRetirement(dir, { maxBytes: 1 })
    expect(plan?.segments ?? []).not.toContain(basename(path))
    expect(readFileSync(outside, 'utf8')).not.toBe('')
  })
})
