import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { defineDriver } from '../../src/core/define-driver.js'
import { mysqlSpec } from '../../src/drivers/mysql/spec.js'
import type { Engine, TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { caseRows, WRITE_CASES } from './mysql-write-cases.js'
import { canStart, startPrivate } from './private.js'
import { batches, type Cell, column } from './rows.js'
import { open, settings } from './support.js'

const COLUMNS = [
  column('id', 'int32', { nullable: false, keyPosition: 1 }),
  ...WRITE_CASES.map((entry) => entry.column),
]

async function writeAndRead(
  engine: Engine,
  database: TestDatabase,
  transport: 'load' | 'insert',
  mode: 'append' | 'replace' | 'merge',
) {
  const driver = defineDriver(mysqlSpec({ rowHook: true, transport }))
  await using target = await driver.open(settings(engine, database))
  const rows = caseRows(({ values }) => values)
  const receipt = await target.write(
    { table: 'every', mode, checksum: true },
    batches(COLUMNS, rows.slice(0, 3), rows.slice(3)),
  )
  expect([receipt.rowsSent, receipt.rowsConfirmed, receipt.rowsCounted]).toEqual([
    rows.length,
    rows.length,
    rows.length,
  ])
  const read: Record<string, Cell>[] = []
  for await (const batch of target.extract({ table: 'every' })) read.push(...batch.objects())
  return read
}

const expected = () =>
  caseRows(({ values, back = values }) => back).map((row) =>
    Object.fromEntries(
      COLUMNS.map(({ name, type }, index) => {
        const value = row[index] ?? null
        return [name, type.kind === 'bytes' && value !== null ? new Uint8Array(Buffer.from(value)) : value]
      }),
    ),
  )

const isText = (value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value)
const comparable = (rows: readonly Record<string, unknown>[]) =>
  rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, isText(value)])))

describeWith(['mysql'], 'every type that is written to MySQL', ({ mysql: engine }) => {
  let to: TestDatabase
  beforeAll(async () => {
    to = await engine.createDatabase('types')
  })
  afterAll(() => to.drop())
  afterEach(() => to.exec('DROP TABLE IF EXISTS every'))

  describe.each(['load', 'insert'] as const)('by %s', (transport) => {
    it.each(['append', 'merge'] as const)('comes back as it was (%s)', async (mode) => {
      expect(comparable(await writeAndRead(engine, to, transport, mode))).toEqual(comparable(expected()))
    })
  })

  it('has the column type of the table', async () => {
    await writeAndRead(engine, to, 'load', 'append')
    const rows = await to.rows(
      `SELECT column_name, column_type FROM information_schema.columns WHERE table_schema = DATABASE()
        AND table_name = 'every' AND column_name <> 'id' ORDER BY ordinal_position`,
    )
    const types = rows.map(([name, type]) => [name, type!.replace(/^(smallint|int|bigint)\(\d+\)/, '$1')])
    expect(types).toEqual(WRITE_CASES.map(({ column: { name }, type }) => [name, type]))
  })

  // Seen red with utf8mb4_bin in place of the collation without padding: 'a' and 'a ' were one key.
  it('tells texts of a key apart that a default collation takes for one', async () => {
    await using target = await open(engine, to)
    const keys = ['a', 'A', 'á', 'a ', 'ä', '']
    const key = column('k', { kind: 'text', length: 10 }, { nullable: false, keyPosition: 1 })
    for (const mode of ['append', 'merge'] as const) {
      await target.write(
        { table: 'every', mode },
        batches(
          [key],
          keys.map((name) => [name]),
        ),
      )
    }
    expect(await to.rows('SELECT COUNT(*) FROM every')).toEqual([['6']])
  })
})

describeWith(['mysql'], 'a target at +03:00 and a process in Los Angeles', () => {
  const zone = process.env['TZ']
  let server: Engine
  let to: TestDatabase
  beforeAll(async () => {
    if (!canStart.mysql) return
    process.env['TZ'] = 'America/Los_Angeles'
    const modes = { 'default-time-zone': '+03:00', 'sql-mode': 'ANSI', 'local-infile': '0' }
    server = await startPrivate('mysql', { settings: modes })
    to = await server.createDatabase('zones')
  })
  afterAll(async () => {
    if (zone === undefined) delete process.env['TZ']
    else process.env['TZ'] = zone
    if (canStart.mysql) await server.stop()
  })

  it.runIf(canStart.mysql)('change no value, nor does the lack of LOAD DATA', async () => {
    expect(new Date(0).getHours()).toBe(16)
    await using target = await open(server, to)
    const rows = caseRows(({ values }) => values)
    await target.write({ table: 'every', mode: 'replace' }, batches(COLUMNS, rows))
    const read: Record<string, unknown>[] = []
    for await (const batch of target.extract({ table: 'every' })) read.push(...batch.objects())
    expect(comparable(read)).toEqual(comparable(expected()))
    const at = column('at', 'timestamptz')
    await target.write(
      { table: 'stamps', mode: 'append', policies: { timestamptz: 'timestamp' } },
      batches([at], [['2024-03-10 10:30:00.123456+00'], ['2038-01-19 03:14:07.999999+00']]),
    )
    const stamps: unknown[] = []
    for await (const batch of target.extract({ table: 'stamps' })) stamps.push(...batch.objects())
    expect(stamps).toEqual([{ at: '2024-03-10 10:30:00.123456+00' }, { at: '2038-01-19 03:14:07.999999+00' }])
  })
})
