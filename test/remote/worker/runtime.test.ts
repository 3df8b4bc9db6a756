import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { locateBundle } from '../../../src/remote/bundle.js'
import { workerFrame } from '../../../src/remote/protocol.js'
import { GraphqlServer } from '../../drivers/graphql-server.js'
import { streamsJob } from '../../run/jobs/streams-job.js'
import { WorkerProcess } from '../../run/jobs/worker-process.js'
import { twoEnds } from '../../run/two-ends.js'
import { describeWith } from '../../setup/engines.js'
import { type BuiltBundle, buildBundle } from '../../setup/worker-bundle.js'

/** The Node.js of E2B's base template. */
const OLDEST = ['npx', '-y', '-p', 'node@20.9.0', 'node'] as const
const TEST_MS = 240_000

let bundle: BuiltBundle
beforeAll(async () => {
  bundle = await buildBundle()
})
afterAll(() => bundle[Symbol.asyncDispose]())

describe('the bundle', () => {
  it('is found with its digest, and refused where it is another one', async () => {
    const { data, sha256 } = await locateBundle(bundle.folder)
    expect([data.length > 100_000, sha256]).toEqual([true, expect.stringMatching(/^[0-9a-f]{64}$/)])
    const folder = mkdtempSync(join(tmpdir(), 'airlock-bundle-'))
    writeFileSync(join(folder, 'worker.json'), JSON.stringify({ sha256, bytes: data.length }))
    const invalid = expect.objectContaining({ code: 'CONFIG_INVALID' })
    await expect(locateBundle(folder)).rejects.toEqual(invalid)
    writeFileSync(join(folder, 'worker.cjs'), Buffer.concat([data.subarray(1), Buffer.from('x')]))
    await expect(locateBundle(folder)).rejects.toEqual(invalid)
    rmSync(folder, { recursive: true })
  })

  it('is the same file each time it is built', async () => {
    await using again = await buildBundle()
    expect((await locateBundle(again.folder)).sha256).toBe((await locateBundle(bundle.folder)).sha256)
  })

  it.each(['0.12.18', '18.20.4', '20.8.1'])('says that Node %s is too old, in a frame', (version) => {
    const pretend = `Object.defineProperty(process.versions, 'node', { value: '${version}' }); require('./worker.cjs')`
    const { status, stdout } = spawnSync(process.execPath, ['-e', pretend], { cwd: bundle.folder, encoding: 'utf8' })
    expect(status).toBe(1)
    expect(workerFrame.parse(JSON.parse(stdout))).toMatchObject({ t: 'refused', reason: 'runtime', node: version })
  })

  it('says of a job that is none what was wrong, and leaves that as its report', async () => {
    await using worker = await WorkerProcess.start({ bundle: bundle.folder })
    await worker.give(Buffer.from('{"kind":"shell"}'))
    const { exit, frames, manifest, result, stderr } = await worker.ended()
    expect([exit, stderr]).toEqual([2, ''])
    expect(frames.at(-1)).toMatchObject({ t: 'end', status: 'failed', exit: 2 })
    expect(manifest).toMatchObject({ status: 'failed', files: [{ path: 'report.json' }] })
    expect(result).toMatchObject({ error: { code: 'CONFIG_INVALID' } })
  })

  it('needs no package and no build of this machine', async () => {
    const text = Buffer.from((await locateBundle(bundle.folder)).data).toString('utf8')
    const required = new Set([...text.matchAll(/\brequire\("([^"]+)"\)/g)].map(([, name]) => name!))
    const { builtinModules } = await import('node:module')
    const known = new Set([...builtinModules, ...builtinModules.map((name) => `node:${name}`)])
    // pg asks for its native twin only where somebody wants it; mysql2 would print statements in colour while debugging.
    expect([...required].filter((name) => !known.has(name) && !/^node:/.test(name)).sort()).toEqual([
      'cardinal',
      'pg-native',
    ])
  })
})

const fetched = canFetch()

describeWith(['mysql', 'postgres'], 'on Node 20.9.0', (engines) => {
  it.runIf(fetched)('moves rows from MySQL to Postgres, and back', { timeout: TEST_MS }, async () => {
    for (const [from, to] of [
      [engines.mysql, engines.postgres],
      [engines.postgres, engines.mysql],
    ] as const) {
      await using ends = await twoEnds(from, to)
      await ends.source.exec(
        "CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(20)); INSERT INTO orders VALUES (1, 'one'), (2, 'two')",
      )
      await using space = await ends.open()
      const pipeline = await ends.pipeline(space, { orders: { mode: 'replace', mask: { note: 'tokenize' } } })
      await using worker = await WorkerProcess.start({ bundle: bundle.folder, node: OLDEST })
      expect(await worker.frame('hello')).toMatchObject({ node: '20.9.0' })
      const { exit, result } = await worker.perform(await streamsJob(space, pipeline))
      expect([exit, result!.streams]).toMatchObject([0, [{ error: null, status: 'ok', rows_written: 2 }]])
      expect((await ends.target.rows('SELECT id FROM orders ORDER BY id')).flat()).toEqual(['1', '2'])
    }
  })

  it.runIf(fetched)('reads a GraphQL API', { timeout: TEST_MS }, async () => {
    const api = await GraphqlServer.start()
    await using ends = await twoEnds(engines.mysql, engines.postgres)
    await using space = await ends.open()
    const document = `query ($first: Int, $after: String) {
      orders(first: $first, after: $after) { nodes { id number } pageInfo { hasNextPage endCursor } } }`
    const pipeline = await ends.pipeline(space, { orders: { mode: 'replace', graphql: { document } } })
    const job = await streamsJob(space, pipeline)
    const settings = { endpoint: api.url, page_size: 7 }
    const source = { ...job.source, driver: 'graphql', settings }
    await using worker = await WorkerProcess.start({ bundle: bundle.folder, node: OLDEST })
    const { exit, result } = await worker.perform({ ...job, source })
    await api.stop()
    expect([exit, result!.streams]).toMatchObject([0, [{ status: 'ok' }]])
    expect(result!.streams[0]!.rows_written).toBeGreaterThan(5)
  })
})

/** Whether npx gets that version here. */
function canFetch(): boolean {
  try {
    const [npx, ...args] = OLDEST
    return (
      execFileSync(npx, [...args, '--version'], { encoding: 'utf8', stdio: 'pipe', timeout: 120_000 }).trim() ===
      'v20.9.0'
    )
  } catch {
    console.warn('Node 20.9.0 cannot be fetched here: what runs on it is skipped')
    return false
  }
}
