import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { FaultProxy } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { calmLine, type Ended, envelope } from './airlock.js'
import { project } from './project.js'

const ESCAPES = /[\r\u001b]/
/** util-linux' script(1), which gives a command a terminal. */
const SCRIPT = '/usr/bin/script'

function succeeded(ended: Ended): void {
  expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' })
  expect(ended.stdout).not.toMatch(ESCAPES)
}

describeWith(['mysql', 'postgres'], 'the commands on real servers', (engines) => {
  it('run moves and masks, reports for people and for programs, and leaves nothing open', {
    timeout: 60_000,
  }, async () => {
    await using p = await project(engines, 50)
    const plan = await p.run(['run', 'nightly.yaml', '--dry-run'])
    succeeded(plan)
    expect(plan.stdout).toMatch(/writes: CREATE TABLE/)
    expect(await p.tables()).toEqual({})

    const human = await p.run(['run', 'nightly.yaml'])
    succeeded(human)
    expect(human.stdout).toMatch(/^ {2}orders +ok +50 .* email +count ok$/m)
    expect(human.stdout).toMatch(/^ok: 50 rows in /m)
    expect(human.stdout).toMatch(/connections opened 2, closed 2\b/)
    const { orders } = await p.tables()
    expect(orders).toHaveLength(50)
    for (const row of orders!) {
      expect(row).toContain(p.cell)
      expect(row).not.toContain('@example.com')
    }

    const quiet = await p.run(['run', 'nightly.yaml', '--quiet', '--no-progress', '--json', '--verify', 'none'])
    expect(quiet.code).toBe(5)
    expect(envelope(quiet)).toMatchObject({
      ok: false,
      error: { code: 'CONSTRAINT_VIOLATED', origin: '23505', connection: 'warehouse', exit_code: 5 },
      data: { status: 'failed', exit_code: 5, rows_written: 0, streams: [{ stream: 'orders', status: 'failed' }] },
    })
    await p.pipeline({ mode: 'replace' })
    const replaced = await p.run(['run', 'nightly.yaml', '--json'])
    succeeded(replaced)
    const { data } = envelope(replaced) as { data: { run_id: string } }
    expect(data).toMatchObject({
      status: 'ok',
      exit_code: 0,
      rows_written: 50,
      connections: { opened: 2, closed: 2 },
      streams: [{ stream: 'orders', rows_read: 50, rows_confirmed: 50, masked_columns: ['email'], error: null }],
    })
    expect(await p.tables()).toEqual({ orders })

    const saved = await readFile(join(p.folder, '.airlock', 'runs', `${data.run_id}.json`), 'utf8')
    expect(JSON.parse(saved)).toEqual(data)
    for (const ended of [plan, human, quiet, replaced]) expect(p.canaries.in(ended.text)).toEqual([])
    expect(p.canaries.in(await p.home())).toEqual([])
    expect(await p.sessions()).toBe(0)
  })

  it('copy moves one table as its options say; plan and config check write nothing', { timeout: 60_000 }, async () => {
    await using p = await project(engines, 9)
    const copied = await p.run([
      ...['--quiet', 'copy', '--source', 'shop', '--source-table', 'orders', '--target', 'warehouse'],
      ...['--target-table', 'public.few', '--select', '-note', '--where', 'id > 4', '--mask', 'email:redact'],
      ...['--primary-key', 'id', '--mode', 'replace'],
    ])
    succeeded(copied)
    expect((await p.tables())['few']).toEqual(['(5,***)', '(6,***)', '(7,***)', '(8,***)', '(9,***)'])

    const [plan, offline, online] = await Promise.all([
      p.run(['plan', 'nightly.yaml', '--json']),
      p.run(['config', 'check', '--offline', '--json'], { env: { SHOP_PASSWORD: '', MASK_KEY: '' } }),
      p.run(['config', 'check'], { env: { SHOP_PASSWORD: '' } }),
    ])
    succeeded(plan)
    expect(envelope(plan)).toMatchObject({
      ok: true,
      data: {
        streams: [{ stream: 'orders', target_exists: false, columns: [{ name: 'id' }, { mask: 'tokenize' }, {}] }],
      },
    })
    expect(envelope(offline)).toMatchObject({
      ok: true,
      data: { connections: [{ name: 'shop' }, { name: 'warehouse' }] },
    })
    expect(online.code).toBe(2)
    expect(calmLine(online, 'SECRET_UNRESOLVED')).toContain('connections.shop.password (airlock.yaml line 1)')
    expect(Object.keys(await p.tables())).toEqual(['few'])
    for (const ended of [copied, plan, offline, online]) expect(p.canaries.in(ended.text)).toEqual([])
  })

  it('check says of each connection how it went; audit verify finds what was changed', {
    timeout: 60_000,
  }, async () => {
    await using p = await project(engines)
    await p.configure({ warehouse: { password: '${env:SHOP_PASSWORD}' } })
    const [all, one, unknown, url] = await Promise.all([
      p.run(['check', '--json']),
      p.run(['check', 'shop']),
      p.run(['check', 'shpo', '--json']),
      p.run(['check', 'mysql://db.example/shop']),
    ])
    expect(all.code).toBe(3)
    expect(envelope(all)).toMatchObject({
      ok: false,
      error: { code: 'AUTH_FAILED', origin: '28P01', connection: 'warehouse' },
      data: {
        connections: [
          { connection: 'shop', ok: true },
          { connection: 'warehouse', ok: false },
        ],
      },
    })
    succeeded(one)
    expect(one.stdout).toMatch(/^ +shop( +(ok|off)){6} +\d+ ms\n$/m)
    expect(unknown.code).toBe(2)
    expect(envelope(unknown)).toMatchObject({ error: { code: 'CONNECTION_UNKNOWN' } })
    expect(url.code).toBe(2)
    expect(calmLine(url, 'CONNECTION_UNKNOWN')).not.toContain('db.example')

    await p.configure({})
    succeeded(await p.run(['run', 'nightly.yaml', '--quiet']))
    const intact = await p.run(['audit', 'verify'])
    succeeded(intact)
    expect(intact.stdout).toMatch(/^The audit log is intact: [1-9]\d* records in 1 segments\.$/m)
    const segment = join(p.folder, '.airlock', 'audit', 'audit-00000001.jsonl')
    const text = await readFile(segment, 'utf8')
    expect(text).toContain('"rows":3')
    await writeFile(segment, text.replace('"rows":3', '"rows":4'))
    const [changed, json] = await Promise.all([
      p.run(['audit', 'verify']),
      p.run(['audit', 'verify', join(p.folder, '.airlock', 'audit'), '--json']),
    ])
    expect(changed.code).toBe(7)
    expect(changed.stdout).toMatch(/^The audit log has [1-9]\d* problems/)
    expect(json.code).toBe(7)
    expect(envelope(json)).toMatchObject({ ok: false, error: { code: 'AUDIT_TAMPERED' } })
    for (const ended of [all, one, changed]) expect(p.canaries.in(ended.text)).toEqual([])
    expect(await p.sessions()).toBe(0)
  })

  it('exits 4 for what policy refuses, 6 for a part of a run, 7 where counts differ', { timeout: 60_000 }, async () => {
    await using p = await project(engines)
    await p.source.exec('CREATE TABLE items (id INT PRIMARY KEY); INSERT INTO items VALUES (1), (2)')
    await p.target.exec(`
      CREATE TABLE lossy (id integer PRIMARY KEY);
      CREATE FUNCTION drop_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN CASE NEW.id WHEN 1 THEN NULL ELSE NEW END; END';
      CREATE TRIGGER drop_row BEFORE INSERT ON lossy FOR EACH ROW EXECUTE FUNCTION drop_row()`)
    const streams = {
      items: { mode: 'append' },
      missing: { mode: 'append' },
      lossy: { table: 'items', target_table: 'lossy', mode: 'append' },
      keyed: { table: 'items', mask: { id: 'redact' } },
      personal: { table: 'orders', select: ['id', 'email'] },
    }
    await p.write('mixed.yaml', JSON.stringify({ name: 'mixed', source: 'shop', target: 'warehouse', streams }))
    await p.configure({ file: { deny_unmasked: ['*mail*'] } })
    const run = (...names: string[]) => p.run(['run', 'mixed.yaml', '--json', '--streams', names.join(',')])
    const outcomes = [
      [await run('lossy'), 7, 'COUNT_MISMATCH'],
      [await run('keyed'), 4, 'MASK_ON_KEY'],
      [await run('personal'), 4, 'UNMASKED_COLUMN'],
      [await run('items', 'missing'), 6, 'TABLE_NOT_FOUND'],
    ] as const
    for (const [ended, code, error] of outcomes) {
      expect(ended.code).toBe(code)
      expect(envelope(ended)).toMatchObject({ ok: false, error: { code: error }, data: { exit_code: code } })
      expect(p.canaries.in(ended.text)).toEqual([])
    }
    // The stream that went through is there, nothing else.
    expect(await p.tables()).toEqual({ lossy: [], items: ['(1)', '(2)'] })
    expect(await p.sessions()).toBe(0)
  })

  it('a reader that leaves early ends nothing: the run is done and its exit code says how', {
    timeout: 60_000,
  }, async () => {
    await using p = await project(engines)
    const leave = (args: readonly string[], stream: 'stdout' | 'stderr') => {
      const running = p.start(args)
      running.child[stream].destroy()
      return running.ended
    }
    const done = await leave(['run', 'nightly.yaml'], 'stdout')
    expect(done).toMatchObject({ code: 0, signal: null, stderr: '' })
    expect((await p.tables())['orders']).toHaveLength(3)
    const [failed, json, unheard] = await Promise.all([
      leave(['run', 'nightly.yaml'], 'stdout'),
      leave(['run', 'nightly.yaml', '--json'], 'stdout'),
      leave(['run', 'nightly.yaml'], 'stderr'),
    ])
    expect([failed.code, json.code, unheard.code]).toEqual([5, 5, 5])
    expect(unheard.stdout).toMatch(/^failed: 0 rows/m)
    expect(await p.sessions()).toBe(0)
  })

  it.runIf(process.platform === 'linux' && existsSync(SCRIPT))(
    'progress is drawn on a terminal alone, and not with --no-progress',
    { timeout: 60_000 },
    async () => {
      await using p = await project(engines, 15_000)
      await using slow = await FaultProxy.start(engines.mysql, { kind: 'throttle', bytesPerSecond: 1_500_000 })
      await p.source.exec('ANALYZE TABLE orders')
      await p.configure({ shop: { port: slow.port } })
      await p.pipeline({ mode: 'replace' })
      const onTerminal = (args: readonly string[], env = {}) =>
        p.run(args, {
          env: { TERM: 'xterm', ...env },
          via: (command) => [SCRIPT, '-qec', command.map((word) => `'${word}'`).join(' '), '/dev/null'],
        })
      const shown = await onTerminal(['run', 'nightly.yaml'])
      await p.configure({})
      const without = await onTerminal(['run', 'nightly.yaml', '--no-progress'], { NO_COLOR: '1' })
      const piped = await p.run(['run', 'nightly.yaml'])
      for (const ended of [shown, without, piped]) expect(ended).toMatchObject({ code: 0, stderr: '' })
      expect(shown.stdout).toMatch(/\r\u001b\[2Korders {2}[\d,]+ rows {2}[\d.]+ [KM]?i?B {2}[\d,]+ rows\/s/)
      expect(shown.stdout).toMatch(/\d+ % {2}\d+ s left/)
      expect(shown.stdout).toContain('\u001b[1mok: \u001b[22m')
      expect(without.stdout).not.toContain('\u001b')
      expect(without.stdout).not.toContain('s left')
      expect(piped.stdout).not.toMatch(ESCAPES)
      for (const ended of [shown, without, piped]) expect(p.canaries.in(ended.text)).toEqual([])
    },
  )
})
