import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { AuditLog } from '../../src/sinks/index.js'
import { plainMasker, scratch, upTo } from '../sinks/support.js'
import { airlock, calmLine, envelope } from './airlock.js'

async function folder(): Promise<string> {
  const root = scratch()
  writeFileSync(join(root, 'airlock.yaml'), 'home: home\nconnections: {}\n')
  const dir = join(root, 'home', 'audit')
  const log = await AuditLog.open({ dir, masker: plainMasker, maxSegmentBytes: 3000, reserveBytes: 0 })
  for (const i of upTo(25)) await log.guard({ type: 'row.written', data: { i } }, () => i)
  await log.close()
  return root
}

describe('airlock audit', () => {
  it('tail prints the last records, over the borders of segments; stats counts all of them', async () => {
    const cwd = await folder()
    const tail = await airlock(['audit', 'tail', '--lines', '12', '--json'], { cwd })
    const { records } = envelope(tail)['data'] as { records: { seq: number; type: string }[] }
    expect(records).toHaveLength(12)
    const [first] = records
    expect(records.map(({ seq }) => seq)).toEqual(upTo(12).map((i) => first!.seq + i))
    const text = await airlock(['audit', 'tail', 'home/audit', '--lines', '2'], { cwd })
    const lines = text.stdout.trim().split('\n')
    expect(lines).toHaveLength(2)
    for (const line of lines) expect(line).toMatch(/^\d+ \d{4}-\d\d-\d\dT\S+Z [\w.]+ (?:intent|ok|failed|info) /)
    const stats = envelope(await airlock(['audit', 'stats', '--json'], { cwd }))['data']
    expect(stats).toMatchObject({ unreadable: 0, types: { 'row.written': { intent: 25, ok: 25 } } })
    expect((await airlock(['audit', 'stats'], { cwd })).stdout).toMatch(/row\.written +25 +25 +0 +0/)
  })

  it('says calmly what it cannot do', async () => {
    const cwd = await folder()
    const none = await airlock(['audit', 'stats', 'no-such-folder'], { cwd })
    expect(none.code).toBe(4)
    calmLine(none, 'AUDIT_UNAVAILABLE')
    const wrong = await airlock(['audit', 'tail', '--lines', '0'], { cwd })
    expect(wrong.code).toBe(2)
    calmLine(wrong, 'USAGE')
  })
})

describe('airlock retention', () => {
  it('removes nothing until it is told to', async () => {
    const cwd = await folder()
    const runs = join(cwd, 'home', 'runs')
    mkdirSync(runs)
    const old = join(runs, '20200101T000000-aaaaaa.json')
    writeFileSync(old, '{}')
    utimesSync(old, new Date(0), new Date(0))
    const shown = await airlock(['retention'], { cwd })
    expect(shown).toMatchObject({ code: 0, stderr: '' })
    expect(shown.stdout).toMatch(/runs +1 +2\nNothing was removed: add --apply\.\n$/)
    const planned = envelope(await airlock(['retention', '--json'], { cwd }))
    expect(planned['data']).toMatchObject({ to_remove: ['runs/20200101T000000-aaaaaa.json'] })
    const applied = envelope(await airlock(['retention', '--apply', '--json'], { cwd }))
    expect(applied['data']).toMatchObject({ removed: ['runs/20200101T000000-aaaaaa.json'] })
    expect((await airlock(['retention'], { cwd })).stdout).toBe('Everything is within the rules.\n')
    expect(envelope(await airlock(['audit', 'verify', '--json'], { cwd }))['ok']).toBe(true)
  })
})
