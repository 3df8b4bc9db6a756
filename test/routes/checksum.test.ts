import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { airlock, envelope } from '../cli/airlock.js'
import { type TwoEnds, twoEnds } from '../run/two-ends.js'
import { describeWith } from '../setup/engines.js'
import { createAllTypes, POLICIES, printTable } from './all-types.js'
import { ROUTES } from './fault-ends.js'

describeWith(['mysql', 'postgres'], 'airlock run --verify checksum', (engines) => {
  describe.each(ROUTES)('from %s to %s', (from, to) => {
    let ends: TwoEnds
    beforeAll(async () => {
      ends = await twoEnds(engines[from], engines[to])
      await createAllTypes(engines[from], ends.source)
    })
    afterAll(() => ends[Symbol.asyncDispose]())
    const run = async (mode: object) => {
      {
        await using space = await ends.open()
        const stream = { ...mode, policies: POLICIES[`${from}→${to}`] }
        await ends.pipeline(space, { every_type: stream })
      }
      const args = ['run', 'nightly.yaml', '--verify', 'checksum', '--json']
      const ended = await airlock(args, { cwd: ends.folder, env: ends.env })
      return { code: ended.code, said: envelope(ended) }
    }
    // The column that a trigger spoils: each route's fixture calls the same type by another name.
    const spoiled = from === 'mysql' ? 'int_s' : 'whole'
    const spoil = (on: boolean) => {
      if (to === 'mysql') {
        const trigger = `CREATE TRIGGER spoil BEFORE INSERT ON every_type FOR EACH ROW SET NEW.${spoiled} = 7`
        return ends.target.exec(on ? trigger : 'DROP TRIGGER spoil', 'admin')
      }
      const made = `
        CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.${spoiled} = 7; RETURN NEW; END';
        CREATE TRIGGER spoil BEFORE INSERT ON every_type FOR EACH ROW EXECUTE FUNCTION spoil()`
      return ends.target.exec(on ? made : 'DROP FUNCTION spoil() CASCADE')
    }

    // Seen red with the comparison of both drivers left out: exit 0.
    it.each([
      { mode: 'replace' },
      { mode: 'merge', primary_key: 'id' },
      { mode: 'delete+insert', primary_key: 'id', cursor: 'id' },
    ])(
      'every type arrives in mode $mode; a trigger that changes one is exit 7',
      async (mode) => {
        await ends.target.exec('DROP TABLE IF EXISTS every_type; DROP TABLE IF EXISTS _airlock_state')
        const first = await run(mode)
        expect(first).toMatchObject({ code: 0 })
        expect(JSON.stringify(first.said)).toContain('"verification":{"kind":"checksum","ok":true}')
        const before = await printTable(to, ends.target)
        await spoil(true)
        try {
          // What an insert changes, an update would not: the rows have to be new ones.
          const emptied = mode.mode === 'merge'
          if (emptied) await ends.target.exec('DELETE FROM every_type')
          const second = await run(mode)
          expect(second).toMatchObject({ code: 7 })
          expect(JSON.stringify(second.said)).toMatch(new RegExp(`CHECKSUM_MISMATCH.*${spoiled}`))
          if (emptied) expect(await ends.target.rows('SELECT id FROM every_type')).toEqual([])
          else expect(await printTable(to, ends.target)).toEqual(before)
        } finally {
          await spoil(false)
        }
      },
      60_000,
    )
  })
})
