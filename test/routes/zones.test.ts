import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Engine, EngineName } from '../../src/testing/index.js'
import { airlock } from '../cli/airlock.js'
import { canStart, startPrivate } from '../drivers/private.js'
import { twoEnds } from '../run/two-ends.js'
import { describeWith } from '../setup/engines.js'
import { createAllTypes, isDescribed, POLICIES, printTable } from './all-types.js'
import { readGolden } from './golden-file.js'

describeWith(['postgres'], 'servers at +03:00 and a process in Los Angeles', ({ postgres }) => {
  let mysql: Engine
  beforeAll(async () => {
    if (canStart.mysql) mysql = await startPrivate('mysql', { settings: { 'default-time-zone': '+03:00' } })
  })
  afterAll(() => mysql?.stop())

  // Seen red without a time zone in the sessions of both drivers.
  it.runIf(canStart.mysql).each([
    ['mysql', 'postgres'],
    ['postgres', 'mysql'],
  ] as const satisfies readonly (readonly [EngineName, EngineName])[])(
    'change no byte from %s to %s',
    async (from, to) => {
      const engines = { mysql, postgres }
      await using ends = await twoEnds(engines[from], engines[to])
      const database = from === 'postgres' ? ends.source : ends.target
      await createAllTypes(engines[from], ends.source)
      await database.exec(`ALTER DATABASE ${database.name} SET timezone = '+03:00'`, 'admin')
      expect(await mysqlZone(from === 'mysql' ? ends.source : ends.target)).toEqual([['+03:00']])
      const stream = { mode: 'replace', policies: POLICIES[`${from}→${to}`] }
      {
        await using space = await ends.open()
        await ends.pipeline(space, { every_type: stream })
      }
      const { code, stderr } = await airlock(['run', 'nightly.yaml', '--verify', 'checksum'], {
        cwd: ends.folder,
        env: { ...ends.env, TZ: 'America/Los_Angeles' },
      })
      expect(code, stderr).toBe(0)
      await database.exec(`ALTER DATABASE ${database.name} RESET timezone`, 'admin')
      if (isDescribed(mysql, postgres))
        expect(await printTable(to, ends.target)).toEqual((await readGolden(`${from}-to-${to}`)).columns)
    },
  )
})

const mysqlZone = (database: { rows(sql: string): Promise<(string | null)[][]> }) =>
  database.rows('SELECT @@global.time_zone')
