import { afterAll, beforeAll, expect, it } from 'vitest'
import { fitName } from '../../src/drivers/postgres/sql.js'
import type { TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { batches, column } from './rows.js'
import { failure, open } from './support.js'

const NAMES = [
  'plain',
  'CamelCase',
  'order',
  'interval',
  'with space',
  'with-dash',
  'quo"te',
  "apostrophe's",
  'back\\slash',
  'new\nline',
  'tab\t',
  'Zeile-ü-😀',
  '$1',
  '%s',
  '; DROP TABLE x; --',
  '__proto__',
  'constructor',
]

describeWith(['postgres'], 'names in a Postgres target', ({ postgres: engine }) => {
  let to: TestDatabase
  beforeAll(async () => {
    to = await engine.createDatabase('names')
  })
  afterAll(() => to.drop())

  it('keeps every column name, in create, append and replace', async () => {
    await using target = await open(engine, to)
    const columns = NAMES.map((name) => column(name, 'text'))
    const row = NAMES.map((_, index) => `v${index}`)
    for (const mode of ['append', 'append', 'replace'] as const) {
      await target
        .write({ table: 'odd', mode, primaryKey: ['quo"te', 'order'] }, batches(columns, [row]))
        .catch((error: { origin?: string }) => {
          // The second append meets the key: the names had to be right for that.
          if (error.origin !== '23505') throw error
        })
    }
    const found = await to.rows(
      "SELECT attname FROM pg_attribute WHERE attrelid = 'odd'::regclass AND attnum > 0 ORDER BY attnum",
    )
    expect(found.map(([name]) => name)).toEqual(NAMES)
    expect(await to.rows('SELECT * FROM odd')).toEqual([row])
    const [[key]] = (await to.rows(
      `SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'odd'::regclass AND contype = 'p'`,
    )) as [[string]]
    expect(key).toBe('PRIMARY KEY ("quo""te", "order")')
    const outline = await target.outline({ table: 'odd', mode: 'append' }, columns)
    expect(Object.keys(outline.columnTypes)).toEqual(expect.arrayContaining(NAMES))
  })

  it.each(['"odd.table"', '"quo""te d"', 'public."Order"', '"sche ma"."ta.ble"', '"; DROP TABLE x"'])(
    'writes to a table called %s',
    async (table) => {
      await to.exec('CREATE SCHEMA IF NOT EXISTS "sche ma"')
      await using target = await open(engine, to)
      const rows = () => batches([column('id', 'int32')], [['1']])
      expect(await target.write({ table, mode: 'replace' }, rows())).toMatchObject({ route: 'create' })
      expect(await target.write({ table, mode: 'replace' }, rows())).toMatchObject({ route: 'staged', rowsCounted: 1 })
      expect(await target.write({ table, mode: 'append' }, rows())).toMatchObject({ route: 'direct', rowsCounted: 1 })
    },
  )

  it('cuts longer names as Postgres does, the same on every run', async () => {
    await using target = await open(engine, to)
    const long = 'n'.repeat(64)
    // 62 bytes, and a character of two that does not fit whole.
    const wide = `${'w'.repeat(62)}é`
    const plan = { table: 't'.repeat(70), mode: 'replace', primaryKey: [long] } as const
    const columns = [column(long, 'int32'), column(wide, 'text')]
    expect(await target.write(plan, batches(columns, [['1', 'a']]))).toMatchObject({ route: 'create' })
    expect(await target.write(plan, batches(columns, [['2', 'b']]))).toMatchObject({ route: 'staged' })
    expect(await to.rows(`SELECT ${'n'.repeat(63)}, ${'w'.repeat(62)} FROM ${'t'.repeat(63)}`)).toEqual([['2', 'b']])
    for (const name of [long, wide, 'é'.repeat(40), '😀'.repeat(20), 'short']) {
      expect([[fitName(name)]]).toEqual(await to.rows(`SELECT '${name}'::name`))
    }
  })

  it('refuses names that are the same after the cut', async () => {
    await using target = await open(engine, to)
    const columns = [column(`${'x'.repeat(63)}1`, 'int32'), column(`${'x'.repeat(63)}2`, 'int32')]
    const error = await failure(
      target.write({ table: 'twins', mode: 'append' }, batches(columns, [['1', '2']])),
      'SCHEMA_MISMATCH',
    )
    expect(error.message).toContain('63 bytes')
  })

  it('takes a table without columns', async () => {
    await using target = await open(engine, to)
    const error = await failure(target.write({ table: 'nothing', mode: 'append' }, batches([])), 'SCHEMA_MISMATCH')
    expect(error.message).toContain('no column')
  })
})
