import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import type { RemoteEvent } from '../../../src/remote/remote-event-log.js'
import { FaultProxy } from '../../../src/testing/index.js'
import { remoteEnds } from '../../remote/remote-ends.js'
import { describeWith } from '../../setup/engines.js'
import { buildBundle } from '../../setup/worker-bundle.js'

const ROWS = 8_000
const TEST_MS = 120_000

describeWith(['postgres', 'mysql'], 'a divided table whose last write fails', ({ postgres, mysql }) => {
  // MySQL keeps a table whose transaction is rolled back. Seen red with the lost jobs forgotten: three tables.
  it('leaves tables of finished ranges only, not of lost jobs', { timeout: TEST_MS }, async () => {
    await using bundle = await buildBundle()
    await using remote = await remoteEnds(postgres, mysql, bundle.folder)
    const { source, target } = remote.ends
    await source.exec(`CREATE TABLE orders (id BIGINT PRIMARY KEY, note TEXT);
      INSERT INTO orders SELECT n, repeat('n', 200) || n FROM generate_series(1, ${ROWS}) n; ANALYZE orders`)
    await using link = await FaultProxy.start(postgres, { kind: 'throttle', bytesPerSecond: 300_000 })
    const staged = async () => {
      const tables = await target.rows(`SELECT table_name FROM information_schema.tables
        WHERE table_name LIKE '%airlock_part%' AND table_schema = DATABASE()`)
      return tables.flat().map(String).sort()
    }
    const lose = async (sandbox: string) => {
      for (const latest = Date.now() + 30_000; Date.now() < latest && (await staged()).length < 2; ) await sleep(20)
      await remote.server.killSandbox(sandbox)
    }
    let losing: Promise<void> | undefined
    const onRemoteEvent = ({ event, job, sandbox }: RemoteEvent) => {
      if (event === 'remote.secrets_sealed' && job?.startsWith('p1-') === true) losing ??= lose(sandbox!)
      if (event !== 'sandbox.created' || job?.startsWith('c') !== true) return
      remote.server.inject({ at: 'start', kind: 'server-error', times: 'always', sandbox: sandbox! })
    }
    const report = await remote.run(
      { orders: { mode: 'append', partition_by: { column: 'id', ranges: 2 } } },
      { parallel: 2, onRemoteEvent, source: { host: link.host, port: link.port } },
    )
    await losing
    expect(report).toMatchObject({ status: 'failed', rows_written: 0 })
    expect(report.remote?.events).toMatchObject({ 'sandbox.gone': 1, 'partition.lost': 1 })
    const marks = await target.rows("SELECT value FROM _airlock_state WHERE stream LIKE '%#part-%'")
    const named = marks.map(([mark]) => (JSON.parse(mark!) as { readonly table: string }).table).sort()
    expect([named.length, await staged()]).toEqual([2, named])
  })
})
