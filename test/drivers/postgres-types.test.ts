import { afterAll, beforeAll, expect, it } from 'vitest'
import { formatType } from '../../src/core/column-type.js'
import { defineDriver } from '../../src/core/define-driver.js'
import { postgresSpecReading } from '../../src/drivers/postgres/index.js'
import type { TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import type { PostgresTypeCase } from './postgres-cases.js'
import {
  cellsByColumn,
  columnOf,
  createPostgresTypeTable,
  goldenCells,
  PG_TYPE_ROWS,
  postgresCasesFor,
} from './postgres-type-table.js'
import { failure, open, settings } from './support.js'

const BY_SELECT = { table: 'every_type', batchBytes: 512 } as const

describeWith(['postgres'], 'every Postgres type as a source', ({ postgres: engine }) => {
  let from: TestDatabase
  let cases: readonly PostgresTypeCase[]
  let golden: Record<string, readonly (string | null)[]>

  beforeAll(async () => {
    from = await engine.createDatabase('pgtypes')
    cases = await postgresCasesFor(from)
    await createPostgresTypeTable(from, cases)
    const ids = Array.from({ length: PG_TYPE_ROWS }, (_, row) => String(row + 1))
    golden = { id: ids, ...Object.fromEntries(cases.map((entry) => [columnOf(entry), goldenCells(entry)])) }
  })
  afterAll(() => from.drop())

  it('has its logical type and the name that the server has for it', async () => {
    await using source = await open(engine, from)
    const { columns } = await source.describe({ table: 'every_type' })
    const found = Object.fromEntries(
      columns.map(({ name, type, sourceType }) => [name, [formatType(type), sourceType]]),
    )
    expect(found).toEqual({
      id: ['int32', 'integer'],
      ...Object.fromEntries(cases.map((entry) => [columnOf(entry), [entry.logical, entry.declared]])),
    })
  })

  it.each(['copy', 'cursor'] as const)('gives its golden cells, read by %s', async (readBy) => {
    await using source = await defineDriver(postgresSpecReading({ readBy })).open(settings(engine, from))
    expect(await cellsByColumn(source.extract(BY_SELECT))).toEqual(golden)
  })

  it('gives the same through a query, where a domain is not seen', async () => {
    await using source = await open(engine, from)
    const query = 'SELECT * FROM every_type ORDER BY id'
    expect(await cellsByColumn(source.extract({ query }))).toEqual(golden)
    const records = await cellsByColumn(source.extract({ query: "SELECT ROW(1, 'a,b', NULL) AS r, NULL AS n" }))
    expect(records).toEqual({ r: ['{"f1":1,"f2":"a,b","f3":null}'], n: [null] })
  })

  // Broken once: without TimeZone, DateStyle, IntervalStyle and bytea_output among the pinned settings.
  it('gives the same from a server that writes everything in another way', async () => {
    const locales = await from.rows("SELECT collname FROM pg_collation WHERE collname ~ '^de_DE.utf8$'")
    const changes = [
      ...[
        "timezone = 'Etc/GMT-3'",
        "datestyle = 'German'",
        "intervalstyle = 'sql_standard'",
        "bytea_output = 'escape'",
      ],
      ...['extra_float_digits = 0', "client_encoding = 'LATIN1'", "xmloption = 'content'"],
      ...(locales.length === 0 ? [] : ["lc_monetary = 'de_DE.utf8'"]),
    ]
    for (const change of changes) {
      await from.exec(`ALTER DATABASE ${from.name} SET ${change}`, 'admin')
      await from.exec(`ALTER ROLE ${from.user} SET ${change}`, 'admin')
    }
    try {
      await using source = await open(engine, from)
      expect(await cellsByColumn(source.extract(BY_SELECT))).toEqual(golden)
    } finally {
      await from.exec(`ALTER DATABASE ${from.name} RESET ALL; ALTER ROLE ${from.user} RESET ALL`, 'admin')
    }
  })

  it('is loaded into a column of its own type unchanged', async () => {
    await using source = await open(engine, from)
    await using target = await open(engine, from)
    const taken = cases.filter(({ ddl }) => !ddl.includes('GENERATED'))
    await from.exec(`DROP TABLE IF EXISTS same_types; CREATE TABLE same_types AS SELECT * FROM every_type WITH NO DATA`)
    const policies = { composite: 'text', hstore: 'text' }
    const select = ['id', ...taken.map(columnOf)]
    await target.write(
      { table: 'same_types', mode: 'append' },
      source.extract({ table: 'every_type', select, policies }),
    )
    const list = taken.map(({ name }) => `${name}::text`).join(', ')
    const read = (table: string) => from.rows(`SELECT ${list} FROM ${table} ORDER BY id`)
    expect(await read('same_types')).toEqual(await read('every_type'))
  })

  it('makes a table whose columns hold the same text', async () => {
    await using source = await open(engine, from)
    await using target = await open(engine, from)
    await from.exec('DROP TABLE IF EXISTS new_types')
    const receipt = await target.write({ table: 'new_types', mode: 'append' }, source.extract({ table: 'every_type' }))
    expect(receipt).toMatchObject({ created: true, rowsCounted: PG_TYPE_ROWS })
    await using again = await open(engine, from)
    const second = await cellsByColumn(again.extract({ table: 'new_types' }))
    expect(second).toEqual(golden)
  })

  it('refuses a policy that it does not have', async () => {
    await using source = await open(engine, from)
    await failure(source.describe({ table: 'every_type', policies: { hstore: 'xml' } }), 'CONFIG_INVALID')
  })
})
