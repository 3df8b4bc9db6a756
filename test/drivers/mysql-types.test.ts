import { afterAll, beforeAll, expect, it } from 'vitest'
import { defineDriver } from '../../src/core/define-driver.js'
import { mysqlSpec } from '../../src/drivers/mysql/index.js'
import type { TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { casesFor, createTypeTable, goldenColumn, readTypeTable, TYPE_ROWS } from './mysql-type-table.js'
import { open, settings } from './support.js'

describeWith(['mysql', 'postgres'], 'every MySQL type in Postgres', (engines) => {
  const cases = casesFor(engines.mysql.version)
  let from: TestDatabase
  let to: TestDatabase

  beforeAll(async () => {
    from = await engines.mysql.createDatabase('types')
    to = await engines.postgres.createDatabase('types')
    await createTypeTable(from, cases)
  })
  afterAll(() => Promise.all([from.drop(), to.drop()]))

  it.each([true, false])('arrives with its golden type and value (row hook %s)', async (rowHook) => {
    const driver = defineDriver(mysqlSpec({ rowHook }))
    await using source = await driver.open(settings(engines.mysql, from))
    await using target = await open(engines.postgres, to)
    await to.exec('DROP TABLE IF EXISTS every_type')
    // A small budget, so that rows cross batches and socket reads.
    const extraction = source.extract({ table: 'every_type', batchBytes: 4096 })
    const receipt = await target.write({ table: 'every_type', mode: 'replace' }, extraction)
    expect(receipt).toMatchObject({
      route: 'create',
      rowsSent: TYPE_ROWS,
      rowsConfirmed: TYPE_ROWS,
      rowsCounted: TYPE_ROWS,
    })
    const arrived = await readTypeTable(to, cases)
    const golden = Object.fromEntries(
      cases.map((entry) => [entry.name, { type: entry.type, values: goldenColumn(entry) }]),
    )
    expect(arrived).toEqual(golden)
    const dates = cases.flatMap(({ values, ddl }) =>
      /^(DATE|DATETIME|TIMESTAMP)/.test(ddl) ? goldenDates(values) : [],
    )
    expect(extraction.policyCounts).toEqual({
      zero_dates: dates.filter((kind) => kind === 'zero').length,
      partial_zero_dates: dates.filter((kind) => kind === 'partial').length,
    })
    expect(receipt.policyCounts).toEqual({ nul_bytes: 3 })
  })

  it('carries the primary key and NOT NULL', async () => {
    const [keys, required] = await Promise.all([
      to.rows(
        `SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'every_type'::regclass AND contype = 'p'`,
      ),
      to.rows(
        `SELECT attname FROM pg_attribute WHERE attrelid = 'every_type'::regclass AND attnum > 0 AND attnotnull ORDER BY 1`,
      ),
    ])
    expect(keys).toEqual([['PRIMARY KEY (id)']])
    // The required dates may hold NULL now, in place of zero dates.
    expect(required).toEqual([['bit16'], ['id']])
  })
})

function goldenDates(values: readonly string[]): ('zero' | 'partial')[] {
  return values.flatMap((value) => {
    if (value === 'DEFAULT' || value.startsWith("'0000-00-00")) return ['zero']
    return /^'(0000|\d{4}-00|\d{4}-\d\d-00)/.test(value) ? ['partial'] : []
  })
}
