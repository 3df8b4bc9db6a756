import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createMasker, Secret } from '../../src/masking/index.js'
import { E2BAdapter, remoteSettings } from '../../src/remote/index.js'
import { Lease } from '../../src/remote/lease.js'
import type { RemoteEvent } from '../../src/remote/remote-event-log.js'
import { type E2BServer, settle, startE2BServer } from '../../src/testing/index.js'
import { live, portTo, REQUEST, Told } from './e2b.js'
import { newFolder } from './worker-output.js'

const TEST_MS = 60_000

/** A worker that does as little as one can, and what is given of it otherwise. */
function workerOf({ hello = '', work = '', end = true }: { hello?: string; work?: string; end?: boolean }): string {
  return `const fs = require('fs'), crypto = require('crypto')
const sha = (data) => crypto.createHash('sha256').update(data).digest('hex')
const digest = (path) => sha(fs.readFileSync(path))
let seq = 0
const say = (frame) => fs.writeSync(1, JSON.stringify({ v: 1, seq: seq++, ...frame }) + '\\n')
const { run, job, attempt } = JSON.parse(fs.readFileSync('airlock/spec.json', 'utf8'))
const { publicKey } = crypto.generateKeyPairSync('x25519')
const key = Buffer.from(publicKey.export({ format: 'jwk' }).x, 'base64url').toString('base64')
say({ t: 'hello', at: Date.now(), node: process.versions.node, arch: process.arch, pid: process.pid,
  bundle: digest('airlock/worker.cjs'), spec: digest('airlock/spec.json'), inputs: true, public_key: key, ${hello} })
process.stdin.once('data', () => {
  say({ t: 'opened' })
  ${work}
  fs.mkdirSync('airlock/out', { recursive: true })
  const report = '{}'
  fs.writeFileSync('airlock/out/report.json', report)
  const files = [{ path: 'report.json', size: report.length, sha256: sha(report), kind: 'report' }]
  const manifest = JSON.stringify({ v: 1, run, job, attempt, status: 'ok', node: process.versions.node, files })
  fs.writeFileSync('airlock/out/manifest.json', manifest)
  ${end ? "say({ t: 'end', status: 'ok', exit: 0, manifest: sha(manifest) })" : ''}
  process.exit(0)
})`
}

async function perform(server: E2BServer, code: string) {
  const data = Buffer.from(code)
  const settings = remoteSettings.parse({
    api_key: new Secret(server.apiKey, 'api_key'),
    api_url: server.apiUrl,
    sandbox_url: server.sandboxUrl,
    creations_per_second: 50,
  })
  await using adapter = new E2BAdapter({
    ...{ settings, deployment: 'd1', variables: {}, createWaitMs: 10 },
    bundle: async () => ({ data, sha256: createHash('sha256').update(data).digest('hex') }),
    times: { helloMs: 8_000, beatMs: 1_000, silentBeats: 10 },
  })
  const told: RemoteEvent[] = []
  const folder = await newFolder()
  const onEvent = (event: RemoteEvent) => void told.push(event)
  const run = await adapter.open({ run: 'r1', folder, masker: createMasker(), width: 1, onEvent })
  const payload = () => Buffer.from('{}')
  const result = await run.perform(
    { id: 'j1', inputs: [], network: { allowOut: [] }, repeatable: false, payload },
    live(),
  )
  expect(await settle(() => server.sandboxes().length + server.processes().length, 0, 5_000)).toBe(0)
  return { result, told, names: told.map(({ event }) => event) }
}

let server: E2BServer
beforeAll(async () => {
  server = await startE2BServer()
})
afterAll(() => server?.close())

it('a worker that does as it should is a success', { timeout: TEST_MS }, async () => {
  const { result, names } = await perform(server, workerOf({}))
  expect(result).toMatchObject({ status: 'ok', attempts: 1, missing: [] })
  expect(names).toEqual([
    'sandbox.created',
    'remote.hello',
    'remote.secrets_sealed',
    'artifact.collected',
    'sandbox.killed',
    'remote.job_ended',
  ])
})

it('one without its last frame is believed by its manifest, and that is told', { timeout: TEST_MS }, async () => {
  const { result, names } = await perform(server, workerOf({ end: false }))
  expect(result.status).toBe('ok')
  expect(names).toContain('remote.end_missing')
})

it.each([
  ['the code', `bundle: '${'0'.repeat(64)}'`],
  ['its orders', `spec: '${'0'.repeat(64)}'`],
  ['its inputs', 'inputs: false'],
])('one with other digests of %s gets no secret', { timeout: TEST_MS }, async (_, hello) => {
  const before = server.requests.length
  const { result, names } = await perform(server, workerOf({ hello }))
  expect(result).toMatchObject({ status: 'failed', attempts: 3, failure: { event: 'artifact.upload_corrupt' } })
  expect(names.filter((name) => name === 'artifact.upload_corrupt').length).toBe(3)
  expect(server.requests.slice(before).filter(({ at }) => at === 'stdin')).toEqual([])
})

it('one whose clock is far off is told of', { timeout: TEST_MS }, async () => {
  const { result, told } = await perform(server, workerOf({ hello: 'at: Date.now() - 100_000' }))
  expect(result.status).toBe('ok')
  const skew = told.find(({ event }) => event === 'remote.clock_skew')
  expect(skew?.seconds).toBeGreaterThanOrEqual(100)
})

it('one that cannot reach a connection names it', { timeout: TEST_MS }, async () => {
  const work = "say({ t: 'probe', connection: 'shop', ok: false, class: 'connect_reset' })"
  const { told } = await perform(server, workerOf({ work }))
  expect(told.find(({ event }) => event === 'remote.egress_blocked')).toMatchObject({
    connection: 'shop',
    class: 'connect_reset',
  })
})

it('a sandbox whose daemon is too old gets no secret', { timeout: TEST_MS }, async () => {
  await using old = await startE2BServer({ envdVersion: '0.2.9' })
  const { result, names } = await perform(old, workerOf({}))
  expect(result).toMatchObject({ status: 'failed', attempts: 1, failure: { event: 'sandbox.envd_unsupported' } })
  expect(names).toContain('sandbox.envd_unsupported')
  expect(old.requests.filter(({ at }) => at === 'stdin' || at === 'upload')).toEqual([])
})

it('a bundle that is not as it was built starts nothing', { timeout: TEST_MS }, async () => {
  const settings = remoteSettings.parse({ api_key: new Secret(server.apiKey, 'api_key'), api_url: server.apiUrl })
  const bundle = () => Promise.reject(new Error('no such bundle'))
  await using adapter = new E2BAdapter({ settings, deployment: 'd1', variables: {}, bundle })
  const folder = await newFolder()
  await expect(adapter.open({ run: 'r1', folder, masker: createMasker(), width: 1 })).rejects.toThrow('no such bundle')
  expect(JSON.parse(await readFile(join(folder, 'events.jsonl'), 'utf8'))).toMatchObject({
    event: 'remote.bundle_failed',
  })
})

it('a lease that cannot be renewed because the sandbox is gone is lost at once', { timeout: TEST_MS }, async () => {
  const port = portTo(server)
  const { id } = await port.create(REQUEST, live())
  await server.killSandbox(id)
  const [events, lost] = [new Told(), new AbortController()]
  const lease = new Lease({ port, sandbox: id, events, seconds: 1, until: performance.now() + 60_000, lost })
  expect(await settle(() => Number(lost.signal.aborted), 1, 10_000)).toBe(1)
  await lease.stop()
  expect(events.lines[0]).toMatch(/^sandbox\.lease_failed (?:gone|not_found) false$/)
})

it('a lease that fails once is tried again, and kept', { timeout: TEST_MS }, async () => {
  const port = portTo(server)
  const { id } = await port.create(REQUEST, live())
  const fault = server.inject({ at: 'timeout', kind: 'server-error', sandbox: id })
  const [events, lost] = [new Told(), new AbortController()]
  const lease = new Lease({ port, sandbox: id, events, seconds: 3, until: performance.now() + 60_000, lost })
  const renewals = () => server.requests.filter(({ at, sandbox }) => at === 'timeout' && sandbox === id).length
  expect(await settle(() => Math.min(2, renewals()), 2, 10_000)).toBe(2)
  await lease.stop()
  expect(fault.hits).toBe(1)
  expect(events.lines).toEqual(['sandbox.lease_failed server_error true'])
  expect(lost.signal.aborted).toBe(false)
  await port.kill(id, live())
})
