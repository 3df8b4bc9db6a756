import { expect, it } from 'vitest'
import type { WritePlan } from '../../src/core/driver.js'
import type { Engine, EngineName } from '../../src/testing/index.js'
import { type TwoEnds, twoEnds } from '../run/two-ends.js'
import { describeWith } from '../setup/engines.js'

const signal = () => AbortSignal.timeout(60_000)

for (const name of ['mysql', 'postgres'] as const satisfies readonly EngineName[]) {
  describeWith([name], `rows that wait at ${name}`, (engines: Record<string, Engine>) => {
    const place = name === 'postgres' ? '_airlock_staging.' : ''
    const [first, second] = ['000000000001', '000000000002'].map((digits) => `${place}_airlock_part_${digits}`)

    /** Two staging tables with a row each, and a table `real`. */
    async function prepared(ends: TwoEnds, staged: string, real: string): Promise<void> {
      if (place !== '') await ends.target.exec(`CREATE SCHEMA ${place.slice(0, -1)}`)
      for (const [at, table] of [first, second].entries()) {
        await ends.target.exec(`CREATE TABLE ${table} (id int NOT NULL, amount ${staged})`)
        await ends.target.exec(`INSERT INTO ${table} VALUES (${at + 1}, 1.5)`)
      }
      await ends.target.exec(`CREATE TABLE real_rows (id int NOT NULL, amount ${real})`)
    }

    /** Writes what `source` has, which is said to wait in the two tables; gives what was told of them. */
    async function write(ends: TwoEnds, source: string, plan: Partial<WritePlan> = {}) {
      await using space = await ends.open()
      await using reader = await space.connect('to', signal())
      await using target = await space.connect('to', signal())
      const told: number[] = []
      const receipt = await target.write(
        {
          ...{ table: 'real_rows', mode: 'append', ...plan },
          waiting: { tables: [first!, second!], onTable: (rows) => void told.push(rows) },
        },
        reader.extract({ table: source }, signal()),
        signal(),
      )
      return { receipt, told }
    }
    const contents = async ({ target }: TwoEnds) => await target.rows('SELECT id, amount FROM real_rows ORDER BY id')

    it.each(['append', 'replace'] as const)('is moved by the server where the types are the same: %s', async (mode) => {
      await using ends = await twoEnds(engines[name]!, engines[name]!)
      await prepared(ends, 'decimal(10,1)', 'decimal(10,1)')
      await ends.target.exec('INSERT INTO real_rows VALUES (9, 9.5)')
      await ends.target.exec('CREATE TABLE others (id int NOT NULL, amount decimal(10,1))')
      await ends.target.exec('INSERT INTO others VALUES (7, 7.5)')
      // Of the batches only the columns are looked at.
      const { receipt, told } = await write(ends, 'others', { mode })
      expect(told).toEqual([1, 1])
      expect(receipt).toMatchObject({ rowsSent: 2, rowsConfirmed: 2, rowsCounted: 2, bytesSent: 0 })
      const old = mode === 'append' ? [['9', '9.5']] : []
      expect(await contents(ends)).toEqual([['1', '1.5'], ['2', '1.5'], ...old])
    })

    // Seen red without the comparison of types: the server rounds, and says nothing.
    it('is not cast to another type', async () => {
      await using ends = await twoEnds(engines[name]!, engines[name]!)
      await prepared(ends, 'decimal(10,1)', 'decimal(10,0)')
      await ends.target.exec('CREATE TABLE others (id int NOT NULL, amount decimal(10,0))')
      await ends.target.exec('INSERT INTO others VALUES (7, 7)')
      const { receipt, told } = await write(ends, 'others')
      expect([told, receipt.rowsCounted]).toEqual([[], 1])
      expect(await contents(ends)).toEqual([['7', '7']])
    })

    it('is read where something has to look into it: checksums', async () => {
      await using ends = await twoEnds(engines[name]!, engines[name]!)
      await prepared(ends, 'decimal(10,1)', 'decimal(10,1)')
      const { receipt, told } = await write(ends, second!, { checksum: true })
      expect(told).toEqual([])
      expect(receipt).toMatchObject({ rowsSent: 1, rowsCounted: 1 })
      expect(receipt.bytesSent).toBeGreaterThan(0)
      expect(await contents(ends)).toEqual([['2', '1.5']])
    })

    it('gets the types of the table that it is for', async () => {
      await using ends = await twoEnds(engines[name]!, engines[name]!)
      await prepared(ends, 'decimal(10,1)', 'decimal(10,1)')
      await ends.target.exec('CREATE TABLE model (id bigint NOT NULL, amount decimal(12,3))')
      await using space = await ends.open()
      await using reader = await space.connect('to', signal())
      await using target = await space.connect('to', signal())
      const plan = { table: 'made', mode: 'append', like: 'model' } as const
      await target.write(plan, reader.extract({ table: first! }, signal()), signal())
      const { columnTypes } = await target.outline(
        { table: 'made', mode: 'append' },
        (await reader.describe({ table: first! }, signal())).columns,
        signal(),
      )
      expect(Object.values(columnTypes).map((type) => type.replace(/\(20\)|\s/g, ''))).toEqual([
        'bigint',
        name === 'mysql' ? 'decimal(12,3)' : 'numeric(12,3)',
      ])
      expect(await ends.target.rows('SELECT id, amount FROM made')).toEqual([['1', '1.500']])
    })
  })
}
