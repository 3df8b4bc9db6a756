import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { Engine, EngineName } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { type TwoEnds, twoEnds } from './two-ends.js'

for (const [from, to] of [
  ['mysql', 'postgres'],
  ['postgres', 'postgres'],
  ['postgres', 'mysql'],
] as const satisfies readonly (readonly [EngineName, EngineName])[]) {
  describeWith([from, to], `verification from ${from} to ${to}`, (engines: Record<string, Engine>) => {
    let ends: TwoEnds
    const stream = { mode: 'replace', mask: { email: 'tokenize' } }
    beforeAll(async () => {
      ends = await twoEnds(engines[from]!, engines[to]!)
      await ends.source.exec(`
        CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, email VARCHAR(40), amount DECIMAL(12,4), at TIMESTAMP(6) NULL,
          day DATE, ratio DOUBLE PRECISION, doc JSON, big BIGINT, note VARCHAR(40));
        INSERT INTO orders VALUES (1, 'a@b.example', 1.5, '2024-02-29 10:00:00.120000', '2024-02-29', 0.1, '{"b": 1, "a": [1.10]}', 9007199254740993, ''),
          (2, NULL, -0.0001, NULL, NULL, -1e-300, NULL, -1, 'ä€😀'), (3, 'c@d.example', 0, '1999-12-31 23:59:59', '0001-01-01', 3, '[]', 0, NULL)`)
    })
    afterAll(() => ends[Symbol.asyncDispose]())
    beforeEach(async () => {
      await ends.target.exec('DROP TABLE IF EXISTS orders; DROP TABLE IF EXISTS _airlock_state')
    })
    const verify = async (changed: object = stream) => (await ends.verify({ orders: changed }))[0]!

    // Seen red with checksums that are not asked for in the write plan.
    it('checksums what is written before the commit, and reports them', async () => {
      const report = await ends.move(stream, { verify: 'checksum' })
      expect(report.verification).toEqual({ kind: 'checksum', ok: true })
      expect(Object.keys(report.checksums!)).toEqual([
        'id',
        'email',
        'amount',
        'at',
        'day',
        'ratio',
        'doc',
        'big',
        'note',
      ])
      expect(report.checksums!['id']).toMatch(/^3:[0-9a-f]{32}$/)
    })

    it('rolls back where the target changes what it is given, and names the column', async () => {
      await ends.move(stream)
      await ends.target.exec(
        to === 'postgres'
          ? `CREATE OR REPLACE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note = 'x'; RETURN NEW; END $$;
             CREATE TRIGGER spoil BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION spoil()`
          : "CREATE TRIGGER spoil BEFORE INSERT ON orders FOR EACH ROW SET NEW.note = 'x'",
        'admin',
      )
      const { streams, exit_code } = await ends.run({ orders: stream }, { verify: 'checksum' })
      expect([exit_code, streams[0]!.error]).toEqual([
        7,
        expect.objectContaining({ code: 'CHECKSUM_MISMATCH', message: expect.stringContaining('note') }),
      ])
      expect((await ends.target.rows('SELECT note FROM orders WHERE id = 2'))[0]).toEqual(['ä€😀'])
    })

    // Seen red with masks left out.
    it('reads both ends later, the source through its masks, and names the columns that differ', async () => {
      await ends.move(stream)
      expect(await verify()).toMatchObject({
        status: 'equal',
        rows: { source: 3, target: 3, extra: 0 },
        different: [],
        not_compared: [],
        error: null,
      })
      await ends.target.exec("UPDATE orders SET note = 'other', amount = 2 WHERE id = 1")
      expect(await verify()).toMatchObject({ status: 'different', different: ['amount', 'note'] })
      await ends.target.exec('DELETE FROM orders WHERE id = 1')
      expect(await verify()).toMatchObject({ status: 'different', rows: { source: 3, target: 2 }, different: [] })
      expect(await verify({ ...stream, mask: {} })).toMatchObject({ status: 'different' })
    })

    it('counts rows that an append or a merge keeps beside those of the source', async () => {
      await ends.move(stream)
      await ends.target.exec('INSERT INTO orders (id) VALUES (99)')
      expect(await verify()).toMatchObject({ status: 'different', rows: { extra: 1 } })
      const merge = { ...stream, mode: 'merge', primary_key: 'id' }
      expect(await verify(merge)).toMatchObject({ status: 'extra', rows: { source: 3, target: 4, extra: 1 } })
      expect(await verify({ ...merge, strategy: 'scd2' })).toMatchObject({
        status: 'failed',
        error: { code: 'UNSUPPORTED' },
      })
      await ends.target.exec('DROP TABLE orders')
      expect(await verify(merge)).toMatchObject({ status: 'failed', error: { code: 'TABLE_NOT_FOUND' } })
    })
  })
}
