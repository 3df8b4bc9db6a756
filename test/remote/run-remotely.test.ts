import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { describeWith } from '../setup/engines.js'
import { type BuiltBundle, buildBundle } from '../setup/worker-bundle.js'
import { type RemoteEnds, remoteEnds } from './remote-ends.js'

const ROWS = 5_000
const TIMEOUT = 60_000

describeWith(['mysql', 'postgres'], 'a run in sandboxes', (engines) => {
  let bundle: BuiltBundle
  let remote: RemoteEnds
  beforeAll(async () => {
    bundle = await buildBundle()
    remote = await remoteEnds(engines.mysql, engines.postgres, bundle.folder)
    await remote.ends.source.exec('CREATE TABLE orders (id BIGINT PRIMARY KEY, email VARCHAR(80), note VARCHAR(80))')
    for (let at = 0; at < ROWS; at += 1000) {
      const rows = Array.from({ length: 1000 }, (_, i) => `(${at + i}, 'user${at + i}@example.com', 'n${i}')`)
      await remote.ends.source.exec(`INSERT INTO orders VALUES ${rows.join(', ')}`)
    }
  })
  afterAll(async () => {
    await remote?.[Symbol.asyncDispose]()
    await bundle?.[Symbol.asyncDispose]()
  })
  beforeEach(() =>
    remote.ends.target.exec(
      'DROP TABLE IF EXISTS orders; DROP TABLE IF EXISTS _airlock_state; DROP SCHEMA IF EXISTS _airlock_staging CASCADE',
    ),
  )

  it('moves rows, masked and counted, and leaves nothing', { timeout: TIMEOUT }, async () => {
    const report = await remote.run({ orders: { mode: 'replace', mask: { email: 'tokenize' } } })
    expect(report).toMatchObject({ status: 'ok', exit_code: 0, rows_read: ROWS, rows_written: ROWS })
    expect(report.remote).toMatchObject({ provider: 'e2b', jobs: 1, sandboxes: 1, missing: [] })
    expect(
      await remote.ends.target.rows("SELECT count(*), count(*) FILTER (WHERE email LIKE 'user%') FROM orders"),
    ).toEqual([[String(ROWS), '0']])
    await remote.expectNothingLeft()
  })
})
