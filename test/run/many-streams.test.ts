import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { AirlockError } from '../../src/errors/index.js'
import { planPipeline, runPipeline } from '../../src/run/local-runner.js'
import type { Engine, EngineName } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { type TwoEnds, twoEnds } from './two-ends.js'

for (const from of ['mysql', 'postgres'] as const satisfies readonly EngineName[]) {
  describeWith([from, 'postgres'], `many streams from ${from}`, (engines: Record<string, Engine>) => {
    let ends: TwoEnds
    beforeAll(async () => {
      ends = await twoEnds(engines[from]!, engines['postgres']!)
      // In the order of their names, children come before their parents.
      await ends.source.exec(`
        CREATE TABLE zone (id INT NOT NULL PRIMARY KEY);
        CREATE TABLE shop (id INT NOT NULL PRIMARY KEY, zone INT, FOREIGN KEY (zone) REFERENCES zone (id));
        CREATE TABLE clerk (id INT NOT NULL PRIMARY KEY, shop INT, boss INT, FOREIGN KEY (shop) REFERENCES shop (id),
          FOREIGN KEY (boss) REFERENCES clerk (id));
        CREATE TABLE egg (id INT NOT NULL PRIMARY KEY, hen INT);
        CREATE TABLE hen (id INT NOT NULL PRIMARY KEY, egg INT, FOREIGN KEY (egg) REFERENCES egg (id));
        ALTER TABLE egg ADD FOREIGN KEY (hen) REFERENCES hen (id);
        CREATE TABLE old_zone (id INT NOT NULL PRIMARY KEY);
        CREATE TABLE old_shop (id INT NOT NULL PRIMARY KEY);
        CREATE VIEW zones AS SELECT * FROM zone;
        INSERT INTO zone VALUES (1); INSERT INTO shop VALUES (1, 1); INSERT INTO clerk VALUES (1, 1, 1)`)
    })
    afterAll(() => ends[Symbol.asyncDispose]())
    beforeEach(() => ends.target.exec('DROP SCHEMA public CASCADE; CREATE SCHEMA public'))

    const ran = async (streams: object, options = {}) => {
      const order: string[] = []
      const report = await ends.run(streams, { ...options, onStream: ({ stream }) => order.push(stream) })
      return { report, order }
    }

    // Seen red with views taken, with Airlock's own tables taken, and without the parents.
    it('takes every table that is not left out, with the settings of the entry, parents before children', async () => {
      await ends.source.exec('CREATE TABLE _airlock_state (pipeline varchar(9) PRIMARY KEY)')
      const streams = {
        '*': { mode: 'merge' },
        '-old_*': null,
        egg: { disabled: true },
        zone: { target_table: 'zones' },
      }
      const { report, order } = await ran(streams)
      expect(report.streams.map(({ stream, status, mode }) => [stream, status, mode])).toEqual([
        ['clerk', 'ok', 'merge'],
        ['hen', 'ok', 'merge'],
        ['shop', 'ok', 'merge'],
        ['zone', 'ok', 'append'],
      ])
      expect(order.indexOf('zone')).toBeLessThan(order.indexOf('shop'))
      expect(order.indexOf('shop')).toBeLessThan(order.indexOf('clerk'))
      const tables = await ends.target.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
      expect(tables.flat()).toEqual(['clerk', 'hen', 'shop', 'zones'])
    })

    it('names a schema, chooses among what it found, and refuses what it cannot tell apart', async () => {
      const schema = from === 'mysql' ? ends.source.name : 'public'
      const name = `${schema}.zone`
      const streams = { [`${schema}.*`]: { target_table: 'raw_{stream_table}' } }
      const { report } = await ran(streams, { streams: [name] })
      expect(report.streams.map(({ stream, status }) => [stream, status])).toEqual([[name, 'ok']])
      expect(await ends.target.rows('SELECT id FROM raw_zone')).toEqual([['1']])
      await expect(ends.run(streams, { streams: ['nosuch'] })).rejects.toMatchObject({ code: 'USAGE' })
      await expect(ends.run({ 'nosuch.*': {} })).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND' })
      for (const [bad, says] of [
        [{ '*': { target_table: 'one' } }, '{stream_table}'],
        [{ zone: {}, '-shop': null }, 'no wildcard'],
        [{ '*': {}, '-shop': { mode: 'replace' } }, 'no settings'],
      ] as const) {
        await expect(ends.run(bad)).rejects.toMatchObject({
          code: 'CONFIG_INVALID',
          message: expect.stringContaining(says),
        })
      }
    })

    // Seen red without the parents.
    it('skips what refers to a stream that failed, says why, and runs the rest', async () => {
      await ends.target.exec('CREATE TABLE zone (id int CHECK (id > 1))')
      const streams = { clerk: {}, shop: {}, zone: {}, old_zone: {} }
      const { report, order } = await ran(streams, { parallel: 4 })
      expect(report.streams.map(({ stream, status }) => [stream, status])).toEqual([
        ['clerk', 'skipped'],
        ['shop', 'skipped'],
        ['zone', 'failed'],
        ['old_zone', 'ok'],
      ])
      expect(report.streams[0]!.notes).toEqual(['skipped: shop, which it refers to, is not complete'])
      expect(report.streams[1]!.notes).toEqual(['skipped: zone, which it refers to, is not complete'])
      expect([report.status, report.exit_code, order.length]).toEqual(['partial', 6, 4])
    })

    it('says in the plan what waits for what, and which keys go in a circle', async () => {
      const plans = await ends.plan({ clerk: {}, shop: {}, egg: {}, hen: {} })
      const notes = Object.fromEntries(plans.map(({ stream, notes }) => [stream.name, notes]))
      expect(notes['clerk']).toEqual(['runs after shop: foreign keys refer to it'])
      expect(notes['shop']).toEqual([])
      expect(notes['egg']![0]).toMatch(/in a circle \(egg → hen\)/)
      expect(notes['hen']![0]).toMatch(/in a circle \(egg → hen\)/)
    })

    // Seen red with the two pools counted apart.
    it.runIf(from === 'postgres')('shares the connections of one server and user between both ends', async () => {
      const login = { user: ends.target.user, password: '${env:TO}', database: ends.target.name }
      await ends.target.exec(
        'CREATE SCHEMA raw; CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)',
      )
      const both = { a: { target_table: 'raw.a' }, b: { target_table: 'raw.b' } }
      try {
        await ends.configure({ source: { ...login, max_connections: 3 }, target: { max_connections: 9 } })
        const report = await ends.run(both, { parallel: 2 })
        expect([report.status, report.connections]).toEqual(['ok', { opened: 2, closed: 2 }])
        await ends.configure({ source: { ...login, max_connections: 4 }, target: { max_connections: 9 } })
        expect((await ends.run(both, { parallel: 9 })).connections).toEqual({ opened: 4, closed: 4 })
        await ends.configure({ source: { ...login, max_connections: 1 } })
        await expect(ends.run(both)).rejects.toMatchObject({
          code: 'CONFIG_INVALID',
          message: expect.stringContaining('connections.to.max_connections'),
        })
      } finally {
        await ends.configure({})
      }
    })

    it('does not run at all without its catalogue, and in the order of the file where nothing needs it', async () => {
      await using space = await ends.open()
      const aborted = { signal: AbortSignal.abort(new AirlockError('INTERRUPTED')) }
      const wild = await ends.pipeline(space, { '*': {} })
      await expect(runPipeline(space, wild, aborted)).rejects.toMatchObject({ code: 'INTERRUPTED' })
      await expect(planPipeline(space, wild, aborted)).rejects.toMatchObject({ code: 'INTERRUPTED' })
      const { order } = await ran({ old_zone: {}, old_shop: {}, zone: {} })
      expect(order).toEqual(['old_zone', 'old_shop', 'zone'])
    })
  })
}
