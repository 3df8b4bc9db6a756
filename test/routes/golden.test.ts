import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine, EngineName, TestDatabase } from '../../src/testing/index.js'
import { open } from '../drivers/support.js'
import { describeWith } from '../setup/engines.js'
import { createAllTypes, isDescribed, POLICIES, printTable } from './all-types.js'
import { golden } from './golden-file.js'

const ROUTES = [
  ['mysql', 'postgres'],
  ['postgres', 'mysql'],
  ['postgres', 'postgres'],
  ['mysql', 'mysql'],
] as const satisfies readonly (readonly [EngineName, EngineName])[]

describeWith(['mysql', 'postgres'], 'every type on every route', (engines) => {
  const sources: Partial<Record<EngineName, TestDatabase>> = {}
  const made: TestDatabase[] = []
  const create = async (engine: Engine) => {
    const database = await engine.createDatabase('golden')
    made.push(database)
    return database
  }
  beforeAll(async () => {
    for (const name of ['mysql', 'postgres'] as const) {
      sources[name] = await create(engines[name])
      await createAllTypes(engines[name], sources[name])
    }
  })
  afterAll(() => Promise.all(made.map((database) => database.drop())))

  const described = isDescribed(engines.mysql, engines.postgres)
  describe.skipIf(!described)(described ? 'as in the golden files' : 'needs MariaDB and PostgreSQL 15 or later', () => {
    // Seen red with a changed value, a changed type and a changed counter in the file.
    it.each(ROUTES)('from %s to %s', async (from, to) => {
      const target = await create(engines[to])
      await using reader = await open(engines[from], sources[from]!)
      await using writer = await open(engines[to], target)
      const policies = POLICIES[`${from}→${to}`]!
      const extraction = reader.extract({ table: 'every_type', policies })
      const receipt = await writer.write({ table: 'every_type', mode: 'replace', policies, checksum: true }, extraction)
      const actual = {
        policies,
        counters: { source: extraction.policyCounts, target: receipt.policyCounts },
        columns: await printTable(to, target),
      }
      expect(actual).toEqual(await golden(`${from}-to-${to}`, actual))
    })
  })
})
