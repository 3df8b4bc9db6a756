import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { loadPipeline } from '../../src/config/load-pipeline.js'
import { runPipeline } from '../../src/run/local-runner.js'
import { reconcileRun } from '../../src/run/reconcile.js'
import type { RunReport } from '../../src/run/report.js'
import { Workspace } from '../../src/run/workspace.js'
import { scratch } from '../sinks/support.js'

/** A run of three streams between two folders: two good ones and one that fails before it writes. */
async function run(): Promise<{ readonly home: string; readonly dir: string; readonly report: RunReport }> {
  const root = scratch()
  for (const folder of ['from', 'to']) mkdirSync(join(root, folder))
  writeFileSync(join(root, 'from/a.csv'), 'id\n1\n2\n3\n')
  writeFileSync(join(root, 'from/b.csv'), 'id\n1\n')
  writeFileSync(
    join(root, 'airlock.yaml'),
    'home: home\nconnections:\n  from: { driver: files, root: from, format: csv }\n  to: { driver: files, root: to, format: csv }\n',
  )
  const file = join(root, 'p.yaml')
  writeFileSync(file, 'source: from\ntarget: to\nstreams: { a: , b: , missing: }\n')
  const workspace = await Workspace.open({ cwd: root })
  onTestFinished(() => workspace.close())
  const report = await runPipeline(workspace, await loadPipeline(file, workspace.config), { retries: 0 })
  await workspace.close()
  expect(report.streams.map(({ status }) => status)).toEqual(['ok', 'ok', 'failed'])
  return { home: join(root, 'home'), dir: join(root, 'home', 'audit'), report }
}

/** Replaces text in the files of a folder that hold it. */
function edit(dir: string, before: string | RegExp, after: string): void {
  let found = 0
  for (const name of readdirSync(dir)) {
    if (!name.endsWith('.jsonl')) continue
    const text = readFileSync(join(dir, name), 'utf8')
    const changed = text.replace(before, after)
    if (changed !== text) found++
    writeFileSync(join(dir, name), changed)
  }
  expect(found).toBe(1)
}

describe('a report beside the audit log and the telemetry of its run', () => {
  it('agrees with both after an honest run, failed streams included', async () => {
    const { home, dir, report } = await run()
    expect(await reconcileRun(home, dir, report)).toEqual({ audit: 'agrees', telemetry: 'agrees', differences: [] })
  })

  // Guard: each comparison. Each broken once by leaving it out: its case was not seen.
  it.each<[string, (ran: Awaited<ReturnType<typeof run>>) => RunReport | undefined, RegExp]>([
    [
      'rows of the report',
      ({ report }) => ({ ...report, streams: report.streams.map((s) => ({ ...s, rows_written: s.rows_written + 1 })) }),
      /^a: 4 rows in the report, 3 rows in the audit log$/,
    ],
    [
      'a status of the report',
      ({ report }) => ({ ...report, streams: report.streams.map((s) => ({ ...s, status: 'failed' as const })) }),
      /^a: failed in the report, ok in the audit log$/,
    ],
    [
      'a stream that the report no longer has',
      ({ report }) => ({ ...report, streams: report.streams.slice(1) }),
      /^a: the audit log has it, the report does not$/,
    ],
    [
      'an outcome in the audit log',
      ({ dir }) => void edit(dir, /("outcome":")ok(","data":\{"rows":3)/, '$1failed$2'),
      /^a: ok in the report, failed in the audit log$/,
    ],
    [
      'rows in the telemetry',
      ({ home }) => void edit(join(home, 'telemetry'), '"stream":"b","rows":1', '"stream":"b","rows":7'),
      /^b: 1 rows in the report, 7 rows in the telemetry$/,
    ],
    [
      'a stream that the audit log no longer has',
      ({ dir }) => void edit(dir, /"stream":"b"/, '"stream":"z"'),
      /^b: the audit log says nothing of it$/,
    ],
  ])('shows a change of %s', async (_, change, expected) => {
    const ran = await run()
    const { differences, audit, telemetry } = await reconcileRun(ran.home, ran.dir, change(ran) ?? ran.report)
    expect(differences.join('\n')).toMatch(new RegExp(expected.source, 'm'))
    expect([audit, telemetry]).toContain('differs')
  })

  it('says that nothing is kept rather than that all is well', async () => {
    const { home, dir, report } = await run()
    const other = { ...report, run_id: '20200101T000000-aaaaaa' }
    expect(await reconcileRun(home, dir, other)).toMatchObject({ audit: 'absent', telemetry: 'absent' })
    expect(await reconcileRun(join(home, 'none'), undefined, report)).toMatchObject({ audit: 'absent' })
  })
})
