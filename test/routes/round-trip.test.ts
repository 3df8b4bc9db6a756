import { afterAll, expect, it } from 'vitest'
import type { LogicalKind } from '../../src/core/column-type.js'
import type { Engine, EngineName, TestDatabase } from '../../src/testing/index.js'
import { cellsByColumn } from '../drivers/postgres-type-table.js'
import { open } from '../drivers/support.js'
import { describeWith } from '../setup/engines.js'
import { createAllTypes, isDescribed } from './all-types.js'
import { LOST } from './lost-values.js'

/** The choices with which the most comes back. */
const TRIP_POLICIES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'mysql→postgres': { json_as: 'json', time: 'interval' },
  'postgres→mysql': {
    nonfinite: 'null',
    out_of_range_dates: 'null',
    numeric_unbounded: 'text',
    arrays: 'text',
  },
}
/** Where the two directions of a trip need other words: a TIME of MySQL may be 838 hours, one of Postgres is of one day. */
const HOME_POLICIES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  mysql: { interval: 'time', timestamptz: 'timestamp' },
  postgres: { interval: 'iso8601', time: 'time', tinyint1: 'boolean' },
}

const TRIPS = [
  ['mysql', 'postgres'],
  ['postgres', 'mysql'],
] as const satisfies readonly (readonly [EngineName, EngineName])[]

describeWith(['mysql', 'postgres'], 'a round trip', (engines) => {
  const made: TestDatabase[] = []
  const create = async (engine: Engine) => {
    const database = await engine.createDatabase('trip')
    made.push(database)
    return database
  }
  afterAll(() => Promise.all(made.map((database) => database.drop())))

  // Seen red with a value taken out of the list, and with one that comes back otherwise than listed.
  it.skipIf(!isDescribed(engines.mysql, engines.postgres)).each(TRIPS)(
    'from %s to %s and back loses only what is listed',
    async (home, away) => {
      const [there, abroad, back] = [
        await create(engines[home]),
        await create(engines[away]),
        await create(engines[home]),
      ]
      await createAllTypes(engines[home], there)
      const move = async (from: EngineName, source: TestDatabase, to: EngineName, target: TestDatabase) => {
        const policies = { ...TRIP_POLICIES[`${from}→${to}`], ...HOME_POLICIES[home] }
        await using reader = await open(engines[from], source)
        await using writer = await open(engines[to], target)
        const extraction = reader.extract({ table: 'every_type', policies })
        await writer.write({ table: 'every_type', mode: 'replace', policies, checksum: true }, extraction)
      }
      const cells = async (database: TestDatabase) => {
        await using session = await open(engines[home], database)
        return await cellsByColumn(session.extract({ table: 'every_type', policies: { zero_dates: 'text' } }))
      }
      await move(home, there, away, abroad)
      await move(away, abroad, home, back)
      const kinds = await kindsOf(engines[home], there)
      const [before, after] = [await cells(there), await cells(back)]
      expect(Object.keys(after)).toEqual(Object.keys(before))
      const lost = Object.entries(before).flatMap(([column, values]) =>
        values.flatMap((value, row): string[] => {
          const came = after[column]![row]!
          return isSame(value, came, kinds[column]!) ? [] : [`${column}: ${value} → ${came}`]
        }),
      )
      expect(lost.sort()).toEqual(LOST[home].flatMap(({ values }) => values).sort())
    },
  )
})

async function kindsOf(engine: Engine, database: TestDatabase): Promise<Readonly<Record<string, LogicalKind>>> {
  await using session = await open(engine, database)
  const { columns } = await session.describe({ table: 'every_type' })
  return Object.fromEntries(columns.map(({ name, type }) => [name, type.kind]))
}

/** The same text, or the same number or time of day written in another way: `1e+22` and `1e22`, `24:00:00.000` and `24:00:00`. */
function isSame(a: string | null, b: string | null, kind: LogicalKind): boolean {
  if (a === b || a === null || b === null) return a === b
  if (kind === 'float32') return Object.is(Math.fround(Number(a)), Math.fround(Number(b)))
  if (kind === 'float64') return Object.is(Number(a), Number(b))
  return (kind === 'interval' || kind === 'time') && a.replace(/\.0+$/, '') === b.replace(/\.0+$/, '')
}
