import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Column } from '../../src/core/batch.js'
import type { LogicalType } from '../../src/core/column-type.js'
import { defineDriver } from '../../src/core/define-driver.js'
import { mysqlSpec } from '../../src/drivers/mysql/spec.js'
import type { TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { batches, type Cell, column } from './rows.js'
import { canary, failure, open, settings } from './support.js'

const decimal = (precision: number, scale: number): LogicalType => ({ kind: 'decimal', precision, scale })
const seconds = (kind: 'time' | 'timestamp' | 'timestamptz', precision: number): LogicalType => ({ kind, precision })

/** Values that the server would take otherwise than they are: rounded, cut, or as something else. */
const VALUES: readonly { title: string; from: Column; into: string; value: Cell }[] = [
  { title: 'a fraction digit too many', from: column('v', 'decimal'), into: 'decimal(5,2)', value: '1.239' },
  { title: 'a digit too many', from: column('v', 'decimal'), into: 'decimal(5,2)', value: '1234.5' },
  {
    title: 'a fraction of a microsecond',
    from: column('v', 'timestamp'),
    into: 'datetime(6)',
    value: '2024-01-01 00:00:00.1234567',
  },
  {
    title: 'text with more seconds than the column',
    from: column('v', 'text'),
    into: 'datetime(3)',
    value: '2024-01-01 00:00:00.9996',
  },
  { title: 'text with a zone', from: column('v', 'text'), into: 'datetime(6)', value: '2024-01-01 00:00:00+02:00' },
  {
    title: 'a zone that is not UTC',
    from: column('v', 'timestamptz'),
    into: 'datetime(6)',
    value: '2024-01-01 00:00:00+02',
  },
  { title: 'blanks that would be cut', from: column('v', 'text'), into: 'varchar(3)', value: 'abc  ' },
  { title: 'blanks that char forgets', from: column('v', 'text'), into: 'char(5)', value: 'ab ' },
  { title: 'a text that is too long', from: column('v', 'text'), into: 'varchar(3)', value: 'жжжж' },
  { title: 'a number for a label', from: column('v', 'text'), into: "enum('a','b')", value: '2' },
  { title: 'a label in other case', from: column('v', 'text'), into: "enum('a','b')", value: 'A' },
  {
    title: 'a member that the set lacks',
    from: column('v', { kind: 'array', element: { kind: 'text' } }),
    into: "set('x','y')",
    value: '{x,z}',
  },
  { title: 'a year of two digits', from: column('v', 'int16'), into: 'year', value: '70' },
  { title: 'text that is no number', from: column('v', 'text'), into: 'int', value: 'abc' },
  { title: 'a number out of range', from: column('v', 'int32'), into: 'smallint', value: '99999' },
  { title: 'an empty text for a number', from: column('v', 'text'), into: 'int', value: '' },
  { title: 'bytes that are no UTF-8', from: column('v', 'text'), into: 'longtext', value: Buffer.from([0x61, 0xff]) },
  {
    title: 'what latin1 has no letter for',
    from: column('v', 'text'),
    into: 'varchar(9) CHARACTER SET latin1',
    value: 'ж',
  },
  { title: 'what is no JSON', from: column('v', 'json'), into: 'json', value: '{' },
  { title: 'NULL where none may be', from: column('v', 'text'), into: 'varchar(9) NOT NULL', value: null },
]

/** Columns that would change values whatever these are. */
const TYPES: readonly { from: LogicalType; into: string }[] = [
  { from: { kind: 'bytes' }, into: 'longtext' },
  { from: { kind: 'timestamp' }, into: 'date' },
  { from: seconds('timestamp', 6), into: 'datetime(3)' },
  { from: seconds('time', 3), into: 'time' },
  { from: decimal(10, 4), into: 'decimal(10,2)' },
  { from: { kind: 'float64' }, into: 'decimal(10,2)' },
  { from: { kind: 'float64' }, into: 'float' },
  { from: { kind: 'int64' }, into: 'double' },
  { from: decimal(10, 2), into: 'bigint' },
  { from: { kind: 'int32' }, into: 'bit(8)' },
  { from: { kind: 'text' }, into: 'double' },
  { from: { kind: 'uint64' }, into: 'float' },
]

describeWith(['mysql'], 'what a MySQL target refuses', ({ mysql: engine }) => {
  let to: TestDatabase
  beforeAll(async () => {
    to = await engine.createDatabase('refused')
  })
  afterAll(() => to.drop())
  afterEach(() => to.exec('DROP TABLE IF EXISTS t'))

  describe.each(['load', 'insert'] as const)('by %s', (transport) => {
    const driver = defineDriver(mysqlSpec({ rowHook: true, transport }))

    // Seen red without the rules: the fraction of a text, blanks of a char, labels and years. Of the others the server
    // makes a note or a warning at least, which is refused as well.
    it.each(VALUES)('$title, and keeps what was there', async ({ from, into, value }) => {
      await to.exec(`CREATE TABLE t (id int NOT NULL, v ${into})`)
      await using target = await driver.open(settings(engine, to))
      const columns = [column('id', 'int32'), from]
      const error = await failure(target.write({ table: 't', mode: 'append' }, batches(columns, [['1', value]])))
      expect(error.code).toMatch(/^(VALUE_REJECTED|VALUE_POLICY|CONSTRAINT_VIOLATED)$/)
      await target.ping()
      expect(await to.rows('SELECT * FROM t')).toEqual([])
    })
  })

  it.each(TYPES)('$from.kind into $into, before a row is read', async ({ from, into }) => {
    await to.exec(`CREATE TABLE t (id int, v ${into})`)
    await using target = await open(engine, to)
    const columns = [column('id', 'int32'), column('v', from)]
    const error = await failure(target.write({ table: 't', mode: 'append' }, batches(columns)), 'SCHEMA_MISMATCH')
    expect(error.message).toMatch(/column v (would|holds)/)
    await failure(target.outline({ table: 't', mode: 'append' }, columns), 'SCHEMA_MISMATCH')
  })

  it('names that MySQL cannot hold or tell apart', async () => {
    await using target = await open(engine, to)
    for (const names of [['Id', 'id'], ['end '], ['x'.repeat(65)]]) {
      const columns = names.map((name) => column(name, 'int32'))
      await failure(target.write({ table: 't', mode: 'append' }, batches(columns)), 'SCHEMA_MISMATCH')
    }
    const odd = ['ж'.repeat(64), 'order', 'a`b', 'with blank', "it's", '@x']
    const columns = odd.map((name) => column(name, 'int32'))
    const table = '"odd `name.ж"'
    await target.write({ table, mode: 'append' }, batches(columns, [odd.map((_, index) => String(index))]))
    expect(await to.rows('SELECT * FROM `odd ``name.ж`')).toEqual([['0', '1', '2', '3', '4', '5']])
    await to.exec('DROP TABLE `odd ``name.ж`; CREATE TABLE t (ID int)')
    await target.write({ table: 't', mode: 'append' }, batches([column('id', 'int32')], [['1']]))
    expect(await to.rows('SELECT ID FROM t')).toEqual([['1']])
  })

  it('tables that cannot be rolled back, and views', async () => {
    await using target = await open(engine, to)
    const rows = () => batches([column('id', 'int32')], [['1']])
    await to.exec('CREATE TABLE t (id int) ENGINE = MyISAM')
    await failure(target.write({ table: 't', mode: 'append' }, rows()), 'UNSUPPORTED')
    await to.exec('DROP TABLE t; CREATE TABLE u (id int); CREATE VIEW t AS SELECT id FROM u')
    await failure(target.write({ table: 't', mode: 'append' }, rows()), 'SCHEMA_MISMATCH')
    await to.exec('DROP VIEW t; DROP TABLE u')
  })

  it('any write over a connection that is read_only', async () => {
    await using target = await defineDriver(mysqlSpec()).open({ ...settings(engine, to), read_only: true })
    await failure(target.write({ table: 't', mode: 'append' }, batches([column('id', 'int32')], [['1']])), 'READ_ONLY')
    await failure(target.resetState({ pipeline: 'p', stream: 's' }), 'READ_ONLY')
    expect(await to.rows("SHOW TABLES LIKE 't'")).toEqual([])
  })

  it('keys that no index can hold', async () => {
    await using target = await open(engine, to)
    const wide = [column('k', 'text', { nullable: false, keyPosition: 1 })]
    await failure(target.write({ table: 't', mode: 'append' }, batches(wide)), 'SCHEMA_MISMATCH')
    const long = [1, 2].map((at) =>
      column(`k${at}`, { kind: 'text', length: 600 }, { nullable: false, keyPosition: at }),
    )
    await failure(target.write({ table: 't', mode: 'append' }, batches(long)), 'SCHEMA_MISMATCH')
  })

  it('a row that is larger than a statement, and the session goes on', async () => {
    await using target = await open(engine, to)
    const huge = () => batches([column('v', 'text')], [['x'], ['y'.repeat(20 * 1024 * 1024)]])
    await failure(target.write({ table: 't', mode: 'append' }, huge()), 'ROW_TOO_LARGE')
    await target.ping()
    const large = 'z'.repeat(9 * 1024 * 1024)
    await target.write({ table: 't', mode: 'append' }, batches([column('v', 'text')], [['a'], [large], ['b']]))
    expect(await to.rows('SELECT COUNT(*), MAX(LENGTH(v)) FROM t')).toEqual([['3', String(large.length)]])
  })

  it('says no value in an error', async () => {
    const secret = canary()
    await to.exec(`CREATE TABLE t (v varchar(60) PRIMARY KEY); INSERT INTO t VALUES ('${secret}')`)
    for (const transport of ['load', 'insert'] as const) {
      await using target = await defineDriver(mysqlSpec({ rowHook: true, transport })).open(settings(engine, to))
      const debug: unknown[] = []
      const error = await failure(
        target.write({ table: 't', mode: 'append' }, batches([column('v', 'text')], [[secret]])),
        'CONSTRAINT_VIOLATED',
      )
      expect(JSON.stringify([error, error.message, error.stack, debug])).not.toContain(secret)
      expect(error.origin).toBe('MYSQL_1062')
    }
  })
})
