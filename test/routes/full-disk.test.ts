import { execFileSync } from 'node:child_process'
import { chown, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine } from '../../src/testing/index.js'
import { canStart, startPrivate } from '../drivers/private.js'
import { describeWith } from '../setup/engines.js'
import { type FaultEnds, faultEnds, MODES } from './fault-ends.js'

// Both suites were seen red in every mode with the old rows deleted, and that committed, in front of the load.
const NAMES = Object.keys(MODES)

const mounted = await mountSmall()

describeWith(['mysql'], 'a Postgres target without space', ({ mysql }) => {
  afterAll(async () => {
    if (mounted === undefined) return
    execFileSync('umount', [mounted])
    await rm(mounted, { recursive: true })
  })

  describe.skipIf(mounted === undefined || !canStart.postgres)(
    mounted === undefined ? 'needs the right to mount a small file system' : 'from mysql to postgres',
    () => {
      let postgres: Engine
      let ends: FaultEnds
      beforeAll(async () => {
        postgres = await startPrivate('postgres')
        const { uid, gid } = await stat(`/proc/${postgres.pid}`)
        await chown(mounted!, uid, gid)
        ends = await faultEnds(mysql, postgres)
        await ends.ends.target.exec(`CREATE TABLESPACE small LOCATION '${mounted}'`, 'admin')
        await ends.ends.target.exec(`GRANT CREATE ON TABLESPACE small TO ${ends.ends.target.user}`, 'admin')
      })
      afterAll(async () => {
        await ends?.ends.target.exec(`REVOKE ALL ON TABLESPACE small FROM ${ends.ends.target.user}`, 'admin')
        await ends?.[Symbol.asyncDispose]()
        await postgres?.stop()
      })

      it.each(NAMES)(
        '%s: the old rows are there',
        async (name) => {
          await ends.seed('', 'TABLESPACE small')
          const report = await ends.run([name], 'many')
          expect([report.exit_code, report.streams[0]!.error?.code]).toEqual([5, 'DISK_FULL'])
          await ends.expectUntouched(report)
        },
        60_000,
      )
    },
  )
})

// A tablespace that may not grow stands for a full disk: the server gives the same error.
describeWith(['postgres'], 'a MySQL target without space', ({ postgres }) => {
  describe.skipIf(!canStart.mysql)('from postgres to mysql', () => {
    let mysql: Engine
    let ends: FaultEnds
    beforeAll(async () => {
      const settings = { 'innodb-data-file-path': 'ibdata1:12M:autoextend:max:24M', 'innodb-file-per-table': '0' }
      mysql = await startPrivate('mysql', { settings })
      ends = await faultEnds(postgres, mysql)
    })
    afterAll(async () => {
      await ends?.[Symbol.asyncDispose]()
      await mysql?.stop()
    })

    it.each(NAMES)(
      '%s: the old rows are there',
      async (name) => {
        await ends.seed()
        const report = await ends.run([name], 'many')
        expect([report.exit_code, report.streams[0]!.error?.code]).toEqual([5, 'DISK_FULL'])
        await ends.expectUntouched(report)
      },
      60_000,
    )
  })
})

/** A file system of 8 MB, or undefined where this process may not mount one. */
async function mountSmall(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined
  const path = await mkdtemp(join(tmpdir(), 'airlock-small-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', path], { stdio: 'ignore' })
    return path
  } catch {
    await rm(path, { recursive: true }) // a container without the right
    return undefined
  }
}
