import { existsSync, mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { applyRetention, planRetention } from '../../src/run/retention.js'
import { Workspace } from '../../src/run/workspace.js'
import { AuditLog } from '../../src/sinks/index.js'
import { scratch, upTo } from '../sinks/support.js'

const DAY = 86_400_000
const HASH = 'a'.repeat(64)

/** A home with files of every area, the older ones `days` old. */
async function workspaceOf(retention: string, days = 400) {
  const root = scratch()
  writeFileSync(join(root, 'airlock.yaml'), `home: home\n${retention}connections: {}\n`)
  const home = join(root, 'home')
  const put = (file: string, age: number, bytes = 10) => {
    const path = join(home, file)
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, 'x'.repeat(bytes))
    const at = new Date(Date.now() - age * DAY)
    utimesSync(path, at, at)
    return path
  }
  put('runs/20250101T000000-aaaaaa.json', days)
  put('runs/20261120T000000-bbbbbb.json', 0)
  put('runs/notes.txt', days)
  put('telemetry/events-00000001.jsonl', days)
  put('telemetry/events-00000002.jsonl', days)
  put(`cache/discovery/${HASH}.json`, days)
  put(`cache/discovery/${HASH}.gen`, days)
  put('cache/discovery/epoch', days)
  put('debug/debug-00000001.jsonl', days)
  const workspace = await Workspace.open({ cwd: root })
  onTestFinished(() => workspace.close())
  return { workspace, home, put, root }
}

const names = (plan: Awaited<ReturnType<typeof planRetention>>) => plan.files.map(({ file }) => file).toSorted()

describe('retention', () => {
  // Guards: the patterns, and that the latest stays. Broken once by taking every file: notes.txt, the generations and the
  // file that telemetry writes to went too.
  it('names what is too old, and never what is in use, what is not ours, and generations', async () => {
    const { workspace, home } = await workspaceOf('')
    const plan = await planRetention(workspace)
    expect(names(plan)).toEqual([
      `cache/discovery/${HASH}.json`,
      'runs/20250101T000000-aaaaaa.json',
      'telemetry/events-00000001.jsonl',
    ])
    expect(plan.bytes).toBe(30)
    expect(existsSync(join(home, 'runs/20250101T000000-aaaaaa.json'))).toBe(true)
    await applyRetention(workspace, plan)
    for (const name of names(plan)) expect(existsSync(join(home, name))).toBe(false)
    expect(readdirSync(join(home, 'cache/discovery')).toSorted()).toEqual([`${HASH}.gen`, 'epoch'])
    expect(names(await planRetention(workspace))).toEqual([])
  })

  it('names what is too much, the oldest first', async () => {
    const { workspace, put } = await workspaceOf('retention: { runs: { max_mb: 2, max_age_days: 9000 } }\n')
    for (const i of upTo(4)) put(`runs/2026110${i + 1}T000000-cccccc.json`, 10 - i, 2 ** 20)
    const runs = names(await planRetention(workspace)).filter((name) => name.startsWith('runs/'))
    expect(runs).toEqual([
      'runs/20250101T000000-aaaaaa.json',
      'runs/20261101T000000-cccccc.json',
      'runs/20261102T000000-cccccc.json',
      // The two that are left are two megabytes and a few bytes more.
      'runs/20261103T000000-cccccc.json',
    ])
  })

  // Guards: links are not followed, neither of files nor of folders, and what changed after the plan is left. Each broken
  // once by using stat, and by removing without a second look.
  it('never leaves home: no link is followed, in the plan or after it', async () => {
    const { workspace, home, root, put } = await workspaceOf('')
    const outside = join(root, 'outside')
    mkdirSync(outside)
    const victim = join(outside, '20240101T000000-dddddd.json')
    writeFileSync(victim, 'theirs')
    utimesSync(victim, new Date(0), new Date(0))
    symlinkSync(victim, join(home, 'runs/20240101T000000-dddddd.json'))
    symlinkSync(outside, join(home, 'cache/linked'))
    expect(names(await planRetention(workspace)).join()).not.toContain('dddddd')
    const path = put('runs/20240102T000000-eeeeee.json', 400)
    const plan = await planRetention(workspace)
    expect(names(plan)).toContain('runs/20240102T000000-eeeeee.json')
    const { rmSync } = await import('node:fs')
    rmSync(path)
    symlinkSync(victim, path)
    await applyRetention(workspace, plan)
    expect(existsSync(victim)).toBe(true)
    expect(existsSync(path)).toBe(true)
  })

  it('retires audit segments only where a rule says so, with a record of it', async () => {
    for (const [rule, retired] of [
      ['', false],
      ['retention: { audit: { max_age_days: 30 } }\n', true],
    ] as const) {
      const { workspace, home } = await workspaceOf(rule)
      const dir = join(home, 'audit')
      const log = await AuditLog.open({ dir, masker: workspace.masker, maxSegmentBytes: 2000, reserveBytes: 0 })
      for (const i of upTo(20)) await log.append({ type: 'row.written', op: `${i}` })
      await log.close()
      const first = join(dir, 'audit-00000001.jsonl')
      utimesSync(first, new Date(0), new Date(0))
      const plan = await planRetention(workspace)
      expect(names(plan).includes('audit/audit-00000001.jsonl')).toBe(retired)
      await applyRetention(workspace, plan)
      expect(existsSync(first)).toBe(!retired)
      expect((await AuditLog.verify(dir)).ok).toBe(true)
    }
  })

  it('refuses a rule that is no number of days', async () => {
    await expect(workspaceOf('retention: { runs: { max_age_days: 0 } }\n')).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    })
    await expect(workspaceOf('retention: { run: { max_age_days: 1 } }\n')).rejects.toMatchObject({
      code: 'CONFIG_UNKNOWN_KEY',
    })
  })
})
