import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { locateBundle } from '../../../src/remote/bundle.js'
import { encodeJob } from '../../../src/run/jobs/seal-job.js'
import { egressOf, makeFrame } from '../../../src/run/remote/make-job.js'
import { openAdapter } from '../../../src/run/remote/open-adapter.js'
import { parseResult } from '../../../src/run/remote/remote-report.js'
import { QUICK, type RemoteEnds, remoteEnds } from '../../remote/remote-ends.js'
import { describeWith } from '../../setup/engines.js'
import { type BuiltBundle, buildBundle } from '../../setup/worker-bundle.js'

const MIB = 1024 * 1024
const TEST_MS = 120_000

describeWith(['mysql', 'postgres'], 'the memory of a worker', (engines) => {
  let remote: RemoteEnds
  let bundle: BuiltBundle
  beforeAll(async () => {
    bundle = await buildBundle()
    remote = await remoteEnds(engines.mysql, engines.postgres, bundle.folder)
    const { apiUrl, sandboxUrl } = remote.server
    const e2b = { api_key: '${env:E2B_KEY}', api_url: apiUrl, sandbox_url: sandboxUrl }
    await remote.ends.configure({ file: { remote: { e2b } } })
    const rows = Array.from({ length: 200 }, (_, id) => `(${id}, REPEAT('n', 900))`)
    await remote.ends.source.exec(`CREATE TABLE orders (id BIGINT PRIMARY KEY, note VARCHAR(1000));
      INSERT INTO orders VALUES ${rows.join(', ')}`)
    // The read stands still for as long as it takes until somebody looks at the memory.
    await remote.ends.source.exec('CREATE VIEW slow AS SELECT id, note, SLEEP(0.01) AS late FROM orders')
  })
  afterAll(async () => {
    await remote?.[Symbol.asyncDispose]()
    await bundle?.[Symbol.asyncDispose]()
  })

  /** The job of a run with this limit, done in a sandbox. The limit of this process is another matter. */
  const perform = async (maxMemoryBytes: number) => {
    const { ends, server } = remote
    await using space = await ends.open({ E2B_KEY: server.apiKey })
    const pipeline = await ends.pipeline(space, { slow: { mode: 'replace' } })
    const { signal } = new AbortController()
    const frame = await makeFrame(space, pipeline, 'run-1', { maxMemoryBytes }, signal)
    await using adapter = await openAdapter(space, { bundle: () => locateBundle(bundle.folder), times: QUICK })
    const folder = join(space.config.home, 'runs', `limit-${maxMemoryBytes}`)
    const run = await adapter.open({ run: 'run-1', folder, width: 1, masker: space.masker })
    const outcome = await run.perform(
      {
        id: 's1',
        repeatable: true,
        inputs: [],
        network: { allowOut: egressOf(frame) },
        payload: (attempt) =>
          encodeJob({
            ...{ ...frame, kind: 'streams', streams: pipeline.streams, parents: {}, parallel: 1 },
            fence: { holder: `limit-${maxMemoryBytes}`, number: attempt },
          }),
      },
      signal,
    )
    return { outcome, result: parseResult(outcome.report, pipeline.streams) }
  }

  // Seen red without the watch in the worker: status ok.
  it('is that of the run: beyond it nothing is written', { timeout: TEST_MS }, async () => {
    // Less than any process of Node.js has.
    const { outcome, result } = await perform(20 * MIB)
    expect(outcome).toMatchObject({ status: 'failed', attempts: 1 })
    expect(result).toMatchObject({
      ...{ status: 'failed', exit_code: 5 },
      streams: [{ status: 'failed', rows_written: 0, error: { code: 'MEMORY_LIMIT' } }],
    })
    expect(await remote.ends.target.rows("SELECT to_regclass('slow')::text")).toEqual([[null]])
    await remote.expectNothingLeft()
  })

  it('is enough below it', { timeout: TEST_MS }, async () => {
    const { result } = await perform(4096 * MIB)
    expect(result).toMatchObject({ status: 'ok', exit_code: 0, streams: [{ rows_written: 200 }] })
  })
})
