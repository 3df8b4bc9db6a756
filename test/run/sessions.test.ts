import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { run } from '../../src/index.js'
import { readAuditLog, readTelemetryEvents } from '../../src/sinks/index.js'
import { scratch, upTo } from '../sinks/support.js'

// Guard: the session is that of the calling code. Broken once by a variable of the module in its place: records of one run
// carried the id of another.
it('STATE-003 runs at one time on one home: every record and event carries the id of its own run', async () => {
  const root = scratch()
  for (const folder of ['from', 'to']) mkdirSync(join(root, folder))
  writeFileSync(
    join(root, 'airlock.yaml'),
    'home: home\nconnections:\n  from: { driver: files, root: from, format: csv }\n  to: { driver: files, root: to, format: csv }\n',
  )
  const files = upTo(8).map((i) => {
    writeFileSync(join(root, `from/t${i}.csv`), `id\n${upTo(50 * i).join('\n')}\n`)
    const file = join(root, `p${i}.yaml`)
    writeFileSync(file, `source: from\ntarget: to\nstreams: { t${i}: { mode: replace } }\n`)
    return file
  })
  const reports = await Promise.all(files.map((file) => run(file, { cwd: root })))
  const streamOf = new Map(reports.map(({ run_id, streams }) => [run_id, streams[0]!.stream]))
  const seen = new Map<string, string[]>()
  await readAuditLog(join(root, 'home', 'audit'), ({ session, type, outcome, data }) => {
    if (type.startsWith('audit.')) return
    expect(streamOf.has(session!)).toBe(true)
    seen.set(session!, [...(seen.get(session!) ?? []), `${type} ${outcome}`])
    const { run: id, stream } = (data ?? {}) as { run?: string; stream?: string }
    if (id !== undefined) expect(id).toBe(session)
    if (stream !== undefined) expect(stream).toBe(streamOf.get(session!))
  })
  for (const id of streamOf.keys()) {
    expect(seen.get(id)).toEqual(['run intent', 'stream.write intent', 'stream.write ok', 'run ok'])
  }
  const completed = new Map<string, number>()
  await readTelemetryEvents(join(root, 'home', 'telemetry'), ({ type, data }) => {
    const { run: id, rows } = (data ?? {}) as { run?: string; rows?: number }
    if (type === 'stream.completed') completed.set(id!, rows!)
  })
  expect(completed).toEqual(new Map(reports.map(({ run_id, rows_written }) => [run_id, rows_written])))
})
