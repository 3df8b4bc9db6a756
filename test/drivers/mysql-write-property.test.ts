import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ManagedSession } from '../../src/core/managed-session.js'
import type { TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { batches, column } from './rows.js'
import { open } from './support.js'

/** A row as the test thinks of it: a composite key, a cursor and a value. */
type Row = readonly [tenant: string, id: number, at: number | null, value: string | null]

const COLUMNS = [
  column('tenant', { kind: 'text', length: 4 }, { nullable: false, keyPosition: 1 }),
  column('id', 'int32', { nullable: false, keyPosition: 2 }),
  column('at', 'int32'),
  column('value', 'text'),
]

const row: fc.Arbitrary<Row> = fc.tuple(
  fc.constantFrom('a', 'A', 'á', 'a ', ''),
  fc.integer({ min: 0, max: 4 }),
  fc.option(fc.integer({ min: 0, max: 3 }), { nil: null }),
  fc.option(fc.string({ maxLength: 6, unit: 'grapheme' }), { nil: null }),
)

const loads = fc.array(fc.array(row, { maxLength: 25 }), { minLength: 1, maxLength: 4 })

const keyOf = ([tenant, id]: Row) => JSON.stringify([tenant, id])

/** The rows of one load that count: of each key the one with the greatest cursor, then the last. */
function winners(rows: readonly Row[]): Map<string, Row> {
  const best = new Map<string, Row>()
  for (const candidate of rows) {
    const before = best.get(keyOf(candidate))
    if (before === undefined || (candidate[2] ?? -1) >= (before[2] ?? -1)) best.set(keyOf(candidate), candidate)
  }
  return best
}

const cells = (rows: readonly Row[]) =>
  rows.map(([tenant, id, at, value]) => [tenant, String(id), at === null ? null : String(at), value])
const sorted = (rows: readonly (readonly (string | null)[])[]) => rows.map((each) => JSON.stringify(each)).sort()

describeWith(['mysql'], 'a merge into MySQL against a Map', ({ mysql: engine }) => {
  let to: TestDatabase
  let target: ManagedSession
  beforeAll(async () => {
    to = await engine.createDatabase('property')
    target = await open(engine, to)
  })
  afterAll(async () => {
    await target.close()
    await to.drop()
  })

  describe.each(['upsert', 'delete-insert', 'insert-only'] as const)('%s', (strategy) => {
    it.each([true, false])('ends with the same rows (key is the only unique one: %s)', async (sole) => {
      await fc.assert(
        fc.asyncProperty(loads, async (history) => {
          await to.exec(`DROP TABLE IF EXISTS t; CREATE TABLE t (tenant varchar(4) NOT NULL, id int NOT NULL, at int,
            value longtext, n int NOT NULL AUTO_INCREMENT, PRIMARY KEY (tenant, id), ${sole ? 'KEY' : 'UNIQUE'} (n))
            CHARACTER SET utf8mb4 COLLATE utf8mb4_${/MariaDB/.test(engine.version) ? 'nopad' : '0900'}_bin`)
          const model = new Map<string, Row>()
          for (const rows of history) {
            const fresh = winners(rows)
            const known = [...fresh.keys()].filter((key) => model.has(key)).length
            const plan = { table: 't', mode: 'merge', strategy, cursor: 'at' } as const
            const { changes, rowsCounted } = await target.write(plan, batches(COLUMNS, cells(rows)))
            expect(rowsCounted).toBe(fresh.size)
            expect(changes?.duplicates).toBe(rows.length - fresh.size)
            const inserted = strategy === 'delete-insert' ? fresh.size : fresh.size - known
            expect(changes?.inserted).toBe(inserted)
            expect((changes?.updated ?? 0) + (changes?.deleted ?? 0) + (changes?.unchanged ?? 0)).toBe(known)
            for (const [key, each] of fresh) if (strategy !== 'insert-only' || !model.has(key)) model.set(key, each)
          }
          const found = await to.rows('SELECT tenant, id, at, value FROM t')
          expect(sorted(found)).toEqual(sorted(cells([...model.values()])))
        }),
        { numRuns: 12 },
      )
    })
  })
})
