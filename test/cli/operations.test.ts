import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import { FaultProxy } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { calmLine, type Ended, envelope } from './airlock.js'
import { type Project, project, type Written } from './project.js'

const TIMEOUT = 240_000
const MERGE = { mode: 'merge', primary_key: 'id', cursor: 'id', mask: {} }

interface Data {
  readonly run_id: string
  readonly streams: readonly Record<string, unknown>[]
  readonly states: readonly Record<string, unknown>[]
  readonly runs: readonly Record<string, unknown>[]
}

function dataOf(ended: Ended): Data {
  return envelope(ended)['data'] as Data
}

describeWith(['mysql', 'postgres'], 'state, past runs and verification from the command line', (engines) => {
  const opened = async (stream: Written = MERGE): Promise<Project> => {
    const p = await project(engines)
    onTestFinished(() => p[Symbol.asyncDispose]())
    await p.pipeline(stream)
    return p
  }

  it('shows where a stream goes on, in the plan too, and forgets it when told twice', {
    timeout: TIMEOUT,
  }, async () => {
    const p = await opened()
    expect((await p.run(['state', 'show', 'nightly.yaml'])).stdout).toContain('no state is kept')
    const run = dataOf(await p.run(['run', 'nightly.yaml', '--json']))
    expect(run.streams[0]).toMatchObject({ state: { cursor: 'id', kept_in: 'target', before: null, after: '3' } })
    const shown = await p.run(['state', 'show', 'nightly.yaml', '--json'])
    expect(dataOf(shown).states).toEqual([
      expect.objectContaining({ pipeline: 'nightly', stream: 'orders', kept_in: 'target', cursor: 'id', value: '3' }),
    ])
    const plan = await p.run(['plan', 'nightly.yaml'])
    expect(plan.stdout).toMatch(/^ {2}state: {2}id from 3 \(target\)$/m)
    const asked = await p.run(['state', 'reset', 'nightly.yaml', 'orders'])
    expect([asked.code, calmLine(asked, 'USAGE')]).toEqual([2, expect.stringContaining('say --yes')])
    const unknown = await p.run(['state', 'reset', 'nightly.yaml', 'nosuch', '--yes'])
    expect([unknown.code, calmLine(unknown, 'USAGE')]).toEqual([2, expect.stringContaining('no state is kept')])
    const reset = await p.run(['state', 'reset', 'nightly.yaml', 'orders', '--yes'])
    expect(reset).toMatchObject({ code: 0, stderr: '' })
    expect((await p.run(['state', 'show', 'nightly.yaml'])).stdout).toContain('no state is kept')
    expect(await p.home()).toContain('state.reset')
    expect(p.canaries.in(await p.home())).toEqual([])
    expect(await p.sessions()).toBe(0)
  })

  it('lists past runs, shows one, and never leaves the folder of the runs', { timeout: TIMEOUT }, async () => {
    const p = await opened()
    expect((await p.run(['runs', 'list'])).stdout).toContain('no run is kept')
    const summary = join(p.folder, 'summary.json')
    const ended = await p.run(['run', 'nightly.yaml', '--json', '--summary', summary])
    const report = dataOf(ended)
    expect(JSON.parse(await readFile(summary, 'utf8'))).toEqual(report)
    expect((await stat(summary)).mode & 0o777).toBe(0o600)
    await p.pipeline({ ...MERGE, mask: { nosuch: 'hash' } })
    expect((await p.run(['run', 'nightly.yaml'])).code).toBe(5)
    const listed = dataOf(await p.run(['runs', 'list', '--json'])).runs
    expect(listed.map(({ status, exit_code }) => [status, exit_code])).toEqual([
      ['failed', 5],
      ['ok', 0],
    ])
    const shown = await p.run(['runs', 'show', report.run_id, '--json'])
    expect(dataOf(shown)).toEqual(report)
    const agreed = { audit: 'agrees', telemetry: 'agrees', differences: [] }
    expect(JSON.parse(shown.stdout)).toMatchObject({ meta: { reconciliation: agreed } })
    expect((await p.run(['runs', 'show'])).stdout).toMatch(/^failed: 0 rows /m)
    await writeFile(join(p.folder, 'airlock.json'), JSON.stringify(report))
    for (const id of ['../../airlock', join(p.folder, 'summary'), `${report.run_id}/../${report.run_id}`]) {
      const refused = await p.run(['runs', 'show', id])
      expect([refused.code, refused.stdout, calmLine(refused, 'USAGE')]).toEqual([2, '', expect.any(String)])
      expect(refused.stderr).not.toContain(id)
    }
    const [file] = (await readdir(join(p.folder, '.airlock', 'runs'))).sort()
    await writeFile(join(p.folder, '.airlock', 'runs', file!), '{"run_id":')
    expect(dataOf(await p.run(['runs', 'list', '--json'])).runs.map(({ status }) => status)).toEqual([
      'failed',
      'unreadable',
    ])
    await mkdir(join(p.folder, 'folder'))
    const lost = await p.run(['run', 'nightly.yaml', '--summary', join(p.folder, 'folder')])
    expect([lost.code, lost.stderr]).toEqual([2, expect.stringContaining('--summary cannot be written')])
  })

  it('verify exits 0 where both ends are equal, and 7 with the columns that are not', {
    timeout: TIMEOUT,
  }, async () => {
    const p = await opened({ mode: 'replace' })
    expect((await p.run(['run', 'nightly.yaml', '--verify', 'checksum'])).code).toBe(0)
    const equal = await p.run(['verify', 'nightly.yaml'])
    expect(equal).toMatchObject({ code: 0, stderr: '' })
    expect(equal.stdout).toMatch(/^ {2}orders +equal +3 +3/m)
    await p.target.exec("UPDATE orders SET note = 'other' WHERE id = 1")
    const different = await p.run(['verify', 'nightly.yaml'])
    expect(different.code).toBe(7)
    expect(calmLine(different, 'CHECKSUM_MISMATCH')).toContain('differ in orders.note.')
    await p.target.exec('DELETE FROM orders WHERE id = 1')
    const fewer = await p.run(['verify', 'nightly.yaml', '--json'])
    expect(fewer.code).toBe(7)
    expect(envelope(fewer)).toMatchObject({
      ok: false,
      error: { code: 'COUNT_MISMATCH', message: expect.stringContaining('orders: 3 read, 2 in the target') },
    })
    expect(p.canaries.in(different.text + fewer.text)).toEqual([])
    expect(await p.sessions()).toBe(0)
  })

  it('takes modes, keys, cursors and intervals from the command line, in the words of other tools', {
    timeout: TIMEOUT,
  }, async () => {
    const p = await opened({ mode: 'append', mask: {} })
    const ids = async () => (await p.target.rows('SELECT id FROM orders ORDER BY id')).flat()
    const copy = ['copy', '--source', 'shop', '--source-table', 'orders', '--target', 'warehouse', '--json']
    const key = ['--mode', 'upsert', '--primary-key', 'id']
    const part = ['--incremental-key', 'id', '--interval-start', '2', '--interval-end', '3']
    expect(dataOf(await p.run([...copy, ...key, ...part])).streams[0]).toMatchObject({ mode: 'merge', rows_read: 1 })
    expect(await ids()).toEqual(['2'])
    expect(dataOf(await p.run([...copy, ...key, '--cursor', 'id'])).streams[0]).toMatchObject({ rows_read: 3 })
    expect(dataOf(await p.run([...copy, ...key, '--cursor', 'id'])).streams[0]).toMatchObject({ rows_read: 1 })
    const again = dataOf(await p.run([...copy, ...key, '--cursor', 'id', '--full-refresh']))
    expect(again.streams[0]).toMatchObject({ rows_read: 3 })
    const replaced = await p.run(['run', 'nightly.yaml', '--mode', 'overwrite', '--strategy', 'delete', '--json'])
    expect(dataOf(replaced).streams[0]).toMatchObject({ mode: 'replace', rows_written: 3 })
    expect(await ids()).toEqual(['1', '2', '3'])
    for (const [args, says] of [
      [['--mode', 'sideways'], '--mode is one of append, replace, merge, delete+insert'],
      [['--interval-start', '2'], 'the stream orders has none'],
    ] as const) {
      const refused = await p.run(['run', 'nightly.yaml', ...args])
      expect([refused.code, calmLine(refused, 'USAGE')]).toEqual([2, expect.stringContaining(says)])
    }
    const strategy = await p.run(['run', 'nightly.yaml', '--mode', 'append', '--strategy', 'swap'])
    expect([strategy.code, strategy.stderr]).toEqual([
      2,
      expect.stringContaining('orders.strategy: mode append has none'),
    ])
  })

  it.for(['append', 'merge'] as const)(
    'killed at any moment, %s goes on and ends with every row once',
    { timeout: 300_000 },
    async (mode) => {
      const rows = 20_000
      const p = await project(engines, rows)
      onTestFinished(() => p[Symbol.asyncDispose]())
      const proxy = await FaultProxy.start(engines.mysql, { kind: 'throttle', bytesPerSecond: 1_500_000 })
      try {
        await p.configure({ shop: { port: proxy.port } })
        await p.pipeline({ mode, cursor: 'id', primary_key: 'id', mask: {}, where: 'id <= 5000' })
        expect((await p.run(['run', 'nightly.yaml'])).code).toBe(0)
        // The condition belongs to the state; a new one starts over.
        await p.run(['state', 'reset', 'nightly.yaml', 'orders', '--yes'])
        await p.target.exec('TRUNCATE orders')
        await p.pipeline({ mode, cursor: 'id', primary_key: 'id', mask: {} })
        for (const bytes of [1, 300_000, 700_000]) {
          const before = proxy.counts.bytesToClient
          const { child, ended } = p.start(['run', 'nightly.yaml'])
          const deadline = Date.now() + 30_000
          while (proxy.counts.bytesToClient - before < bytes && child.exitCode === null && Date.now() < deadline) {
            await sleep(5)
          }
          child.kill('SIGKILL')
          await ended
        }
        expect((await p.run(['run', 'nightly.yaml', '--retries', '5'])).code).toBe(0)
        const counted = await p.target.rows('SELECT count(*), count(DISTINCT id), max(id) FROM orders')
        expect(counted).toEqual([[String(rows), String(rows), String(rows)]])
        expect(await p.sessions()).toBe(0)
      } finally {
        await proxy.close()
      }
    },
  )
})
