import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Engine, TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import type { TypeCase } from './mysql-cases.js'
import { casesFor, createTypeTable, goldenColumn, readTypeTable } from './mysql-type-table.js'
import { canStart, startPrivate } from './private.js'
import { open } from './support.js'

describeWith(['mysql', 'postgres'], 'a server at +03:00, a target in Tokyo and a process in Los Angeles', (engines) => {
  const zone = process.env['TZ']
  let source: Engine
  let from: TestDatabase
  let to: TestDatabase
  let cases: readonly TypeCase[]

  beforeAll(async () => {
    process.env['TZ'] = 'America/Los_Angeles'
    source = await startPrivate('mysql', { settings: { 'default-time-zone': '+03:00', 'sql-mode': 'ANSI' } })
    from = await source.createDatabase('zones')
    to = await engines.postgres.createDatabase('zones')
    cases = casesFor(source.version)
    await createTypeTable(from, cases)
    for (const setting of ["timezone = 'Asia/Tokyo'", "datestyle = 'SQL, DMY'", "intervalstyle = 'sql_standard'"]) {
      await to.exec(`ALTER DATABASE ${to.name} SET ${setting}`)
    }
  })
  afterAll(async () => {
    if (zone === undefined) delete process.env['TZ']
    else process.env['TZ'] = zone
    await source.stop()
    await to.drop()
  })

  it.runIf(canStart.mysql)('changes no value', async () => {
    expect(new Date(0).getHours()).toBe(16)
    expect(await from.rows('SELECT @@global.time_zone')).toEqual([['+03:00']])
    {
      await using reader = await open(source, from)
      await using target = await open(engines.postgres, to)
      await target.write({ table: 'every_type', mode: 'replace' }, reader.extract({ table: 'every_type' }))
    }
    for (const name of ['timezone', 'datestyle', 'intervalstyle'])
      await to.exec(`ALTER DATABASE ${to.name} RESET ${name}`)
    const arrived = await readTypeTable(to, cases)
    expect(arrived).toEqual(
      Object.fromEntries(cases.map((entry) => [entry.name, { type: entry.type, values: goldenColumn(entry) }])),
    )
  })
})
