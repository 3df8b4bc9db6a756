import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Engine, EngineName } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { type TwoEnds, twoEnds } from './two-ends.js'

/** What a stream by ranges does where it does not fit its table: the same as one that is read whole. */
const ROWS = 60
const DIVIDED = { partition_by: { column: 'id', ranges: 3 } }
const TIMEOUT = 120_000

/** Every third row fits the table by its values, not by the types. */
async function fill({ source }: TwoEnds): Promise<void> {
  await source.exec(`CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, amount DECIMAL(10,4), at TIMESTAMP(6) NULL,
    much BIGINT, word VARCHAR(40), state SMALLINT)`)
  const rows = Array.from({ length: ROWS }, (_, id) => {
    const fits = id % 3 === 0
    const [amount, second, much, word] = fits
      ? ['1.5', '01', '7', 'kurz']
      : ['1.2345', '01.654321', '3000000000', 'longer']
    return `(${id}, ${amount}, '2025-05-05 05:05:${second}', ${much}, '${word}', ${id % 5})`
  })
  await source.exec(`INSERT INTO orders VALUES ${rows.join(', ')}`)
}

const NARROW: Readonly<Record<EngineName, string>> = {
  postgres: 'amount numeric(10,2), at timestamp(0), much integer, word varchar(5), state smallint',
  mysql: 'amount decimal(10,2), at datetime, much int, word varchar(5), state tinyint(1)',
}

for (const [from, to] of [
  ['postgres', 'postgres'],
  ['postgres', 'mysql'],
  ['mysql', 'postgres'],
  ['mysql', 'mysql'],
] as const satisfies readonly (readonly [EngineName, EngineName])[]) {
  describeWith(
    [from, to],
    `the contract of a stream by ranges from ${from} to ${to}`,
    (engines: Record<string, Engine>) => {
      let ends: TwoEnds
      beforeAll(async () => {
        ends = await twoEnds(engines[from]!, engines[to]!)
        await fill(ends)
      })
      afterAll(() => ends[Symbol.asyncDispose]())

      /** Into a table of these columns, with two old rows; what the run says and what the table has become. */
      async function outcome(columns: string, stream: object, options: object) {
        await ends.target.exec(`DROP TABLE IF EXISTS narrow; CREATE TABLE narrow (id int NOT NULL PRIMARY KEY, ${columns});
        INSERT INTO narrow (id) VALUES (-1), (-2)`)
        const { streams } = await ends.run({ orders: { table: 'orders', target_table: 'narrow', ...stream } }, options)
        const { status, error, rows_written, rows_rejected, policies } = streams[0]!
        const own = to === 'mysql' ? 'DATABASE()' : 'current_schema()'
        const types = await ends.target.rows(`SELECT column_name, data_type, numeric_precision, numeric_scale,
          character_maximum_length, datetime_precision FROM information_schema.columns
        WHERE table_name = 'narrow' AND table_schema = ${own} ORDER BY 1`)
        const rows = await ends.target.rows('SELECT * FROM narrow ORDER BY id')
        return { status, code: error?.code, rows_written, rows_rejected, policies, types, rows }
      }

      const cases = [
        ['evolve', 'append'],
        ['discard_row', 'merge'],
        ['discard_value', 'append'],
      ] as const
      // Seen red with the types of the table taken whether they hold the values or not.
      it.each(cases)('%s, %s', { timeout: TIMEOUT }, async (contract, mode) => {
        for (const columns of [NARROW[to], NARROW[to].replace(/amount [^,]*\), at [^,]*,/, '')]) {
          const stream = { contract, mode, primary_key: 'id', select: ['id', ...namesOf(columns)] }
          const whole = await outcome(columns, stream, {})
          const divided = await outcome(columns, { ...stream, ...DIVIDED }, { parallel: 2 })
          expect(divided).toEqual(whole)
        }
      })

      it.each(['none', 'checksum'])(
        'values that fit by chance, verified by %s',
        { timeout: TIMEOUT },
        async (verify) => {
          const stream = { mode: 'append', select: ['id', 'state', 'word'] }
          const columns = NARROW[to].replace('varchar(5)', 'varchar(9)')
          const whole = await outcome(columns, stream, { verify })
          expect(whole).toMatchObject({ status: 'ok', rows_written: ROWS })
          expect(await outcome(columns, { ...stream, ...DIVIDED }, { parallel: 2, verify })).toEqual(whole)
        },
      )
    },
  )
}

function namesOf(columns: string): string[] {
  return columns.split(/, (?=[a-z])/).map((column) => column.trim().split(' ', 1)[0]!)
}

describeWith(['mysql'], 'a NULL that waits at a table with AUTO_INCREMENT', ({ mysql }) => {
  // Seen red with the rows moved by the server: it gave out numbers.
  it('is refused', { timeout: TIMEOUT }, async () => {
    await using ends = await twoEnds(mysql, mysql)
    await ends.source.exec('CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, k INT)')
    await ends.source.exec(`INSERT INTO orders VALUES ${Array.from({ length: 9 }, (_, id) => `(${id}, NULL)`)}`)
    await ends.target.exec('CREATE TABLE orders (id INT NOT NULL, k INT NOT NULL AUTO_INCREMENT PRIMARY KEY)')
    const { streams } = await ends.run({ orders: { mode: 'append', ...DIVIDED } }, { parallel: 2 })
    expect(streams[0]).toMatchObject({ status: 'failed', error: { code: 'CONSTRAINT_VIOLATED' } })
    expect(await ends.target.rows('SELECT COUNT(*) FROM orders')).toEqual([['0']])
  })

  // Seen red with the types of the table taken whether a row has room for them or not.
  it('waits as text of another length where the table has another character set', { timeout: TIMEOUT }, async () => {
    await using ends = await twoEnds(mysql, mysql)
    await ends.source.exec('CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, word VARCHAR(9))')
    await ends.source.exec("INSERT INTO orders VALUES (1, 'ä'), (2, 'b'), (3, NULL)")
    await ends.target.exec('CREATE TABLE orders (id INT NOT NULL, word VARCHAR(20000)) CHARACTER SET latin1')
    await ends.move({ mode: 'append', ...DIVIDED }, { parallel: 2 })
    expect(await ends.target.rows('SELECT id, word FROM orders ORDER BY id')).toEqual([
      ['1', 'ä'],
      ['2', 'b'],
      ['3', null],
    ])
  })
})
