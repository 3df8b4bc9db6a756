import { createHash } from 'node:crypto'
import { symlinkSync, writeFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PLACES, type WorkerSpec, workerFrame } from '../../../src/remote/protocol.js'
import { createKeyPair, seal } from '../../../src/remote/sealed-channel.js'
import { Canaries, canary } from '../../leaks/canaries.js'
import { WorkerProcess } from '../../run/jobs/worker-process.js'
import { bundleOf } from '../../setup/odd-bundle.js'
import type { BuiltBundle } from '../../setup/worker-bundle.js'

const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex')
const TEST_MS = 60_000

describe('a worker', { timeout: TEST_MS }, () => {
  let bundle: BuiltBundle
  beforeAll(async () => {
    bundle = await bundleOf('test/remote/worker/odd-worker.ts')
  })
  afterAll(() => bundle[Symbol.asyncDispose]())
  const start = (launch: Partial<Parameters<typeof WorkerProcess.start>[0]> = {}) =>
    WorkerProcess.start({ bundle: bundle.folder, ...launch })
  const job = (what: string, secret = 'none') => Buffer.from(`${what} ${secret}`)

  it('says hello with the digests of what it is, and leaves a manifest whose digest it says', async () => {
    await using worker = await start({ inputs: { 'orders.csv': 'id\n1\n', 'deep/er.csv': '' } })
    const hello = await worker.frame('hello')
    expect(hello).toMatchObject({
      seq: 0,
      bundle: sha256(await readFile(join(bundle.folder, 'worker.cjs'))),
      spec: sha256(await readFile(worker.at(PLACES.spec))),
      inputs: true,
      node: process.versions.node,
      arch: process.arch,
      pid: worker.child.pid,
    })
    await worker.give(job('nothing'))
    const { exit, stderr, stdout, frames, remote, manifest } = await worker.ended()
    expect([exit, stderr, remote]).toEqual([0, '', []])
    expect(frames.filter(({ t }) => t !== 'beat').map(({ t }) => t)).toEqual(['hello', 'opened', 'end'])
    expect(frames.at(-1)).toMatchObject({
      status: 'ok',
      exit: 0,
      manifest: sha256(await readFile(worker.at(PLACES.manifest))),
    })
    expect(await readFile(worker.at(PLACES.events), 'utf8')).toBe(stdout)
    const report = await readFile(join(worker.at(PLACES.out), PLACES.report))
    expect(manifest).toEqual({
      ...{ v: 1, run: 'run-1', job: 'job-1', attempt: 1, status: 'ok', node: process.versions.node },
      files: [{ path: 'report.json', size: report.length, sha256: sha256(report), kind: 'report' }],
    })
    expect((await readdir(worker.at(PLACES.out))).sort()).toEqual([
      'data',
      'events.jsonl',
      'manifest.json',
      'report.json',
    ])
  })

  it.each<[string, (spec: WorkerSpec) => string]>([
    ['is empty', () => ''],
    ['is no JSON', () => 'spec'],
    ['is of another version', (spec) => JSON.stringify({ ...spec, v: 2 })],
    ['says more than it may', (spec) => JSON.stringify({ ...spec, shell: 'x' })],
    ['has a strange id', (spec) => JSON.stringify({ ...spec, run: '../x' })],
  ])('refuses a spec that %s', async (_, specText) => {
    await using worker = await start({ specText })
    const { exit, frames } = await worker.ended()
    expect([exit, frames]).toEqual([1, [expect.objectContaining({ seq: 0, t: 'refused', reason: 'spec' })]])
  })

  const wrong = { size: 1, sha256: sha256('x') }
  it.each([
    ['is missing', [{ path: 'none.csv', ...wrong }]],
    ['is longer', [{ path: 'a.csv', size: 2, sha256: sha256('x') }]],
    ['has another digest', [{ path: 'a.csv', size: 1, sha256: sha256('y') }]],
    ['lies elsewhere', [{ path: '../beside.csv', ...wrong }]],
    ['is absolute', [{ path: '/etc/hostname', ...wrong }]],
    ['is a link', [{ path: 'link.csv', ...wrong }]],
    ['is a folder', [{ path: '.', size: 4096, sha256: sha256('') }]],
  ])('says before it gets a secret that an input %s', async (_, inputs) => {
    const at = (folder: string, name: string) => join(folder, PLACES.inputs, name)
    const before = (folder: string) => {
      symlinkSync(at(folder, 'a.csv'), at(folder, 'link.csv'))
      writeFileSync(at(folder, '../beside.csv'), 'x')
    }
    await using worker = await start({ inputs: { 'a.csv': 'x' }, spec: { inputs }, before })
    const { exit, frames } = await worker.ended()
    expect(exit).toBe(1)
    expect(frames).toMatchObject([
      { t: 'hello', inputs: false },
      { t: 'refused', reason: 'inputs' },
    ])
  })

  const binding = { run: 'run-1', job: 'job-1', attempt: 1 }
  it.each<[string, (key: string) => string]>([
    ['is no JSON', () => 'secret\n'],
    ['is no message', () => '{}\n'],
    ['is for another attempt', (key) => `${JSON.stringify(seal(job('nothing'), key, { ...binding, attempt: 2 }))}\n`],
    ['is for another key', () => `${JSON.stringify(seal(job('nothing'), createKeyPair().publicKey, binding))}\n`],
    ['has no end', (key) => JSON.stringify(seal(job('nothing'), key, binding))],
    ['does not come', () => ''],
    ['is endless', () => 'x'.repeat(17 << 20)],
  ])('refuses a job that %s', async (title, text) => {
    await using worker = await start()
    const { public_key: key } = await worker.frame('hello')
    // A line that is too long is refused before its end.
    worker.child.stdin.write(text(key))
    if (title !== 'is endless') worker.child.stdin.end()
    const { exit, frames, stderr, manifest } = await worker.ended()
    expect([exit, manifest]).toEqual([1, undefined])
    expect(frames.map(({ t }) => t)).toEqual(['hello', 'refused'])
    expect(frames[1]).toMatchObject({ reason: 'secrets' })
    expect(stderr.split('\n').length).toBeLessThanOrEqual(2)
  })

  it('opens one job, and only one', async () => {
    await using worker = await start()
    await worker.give(job('nothing'))
    await worker.give(job('told'))
    const { exit, frames } = await worker.ended()
    expect([exit, frames.filter(({ t }) => t === 'opened').length]).toEqual([0, 1])
  })

  it('beats with what was moved while it works', async () => {
    await using worker = await start({ spec: { beat_ms: 20 } })
    await worker.give(job('told', 'a-secret-value'))
    const { exit, frames } = await worker.ended()
    const beats = frames.filter((frame) => frame.t === 'beat')
    expect(exit).toBe(6)
    expect(beats.length).toBeGreaterThan(2)
    expect(beats.at(-1)).toMatchObject({ rows: 7, bytes: 70, rss: expect.any(Number) })
    expect(frames.at(-1)).toMatchObject({ t: 'end', status: 'partial', exit: 6 })
    expect(frames.every((frame) => workerFrame.safeParse(frame).success)).toBe(true)
  })

  it.each([
    ['SIGTERM', 143, 'TERMINATED'],
    ['SIGHUP', 143, 'TERMINATED'],
    ['SIGINT', 130, 'INTERRUPTED'],
  ] as const)('ends its work at %s', async (signal, code, error) => {
    await using worker = await start()
    await worker.give(job('long'))
    await worker.frame('opened')
    worker.child.kill(signal)
    const { exit, frames, result } = await worker.ended()
    expect(exit).toBe(code)
    expect(frames.at(-1)).toMatchObject({ t: 'end', status: 'cancelled', exit: code })
    expect(result).toMatchObject({ error: { code: error } })
  })

  it('ends its work at the deadline, and itself where the work does not end', async () => {
    await using worker = await start({ spec: { deadline_ms: 500 } })
    await worker.give(job('long'))
    const { exit, frames } = await worker.ended()
    expect([exit, frames.at(-1)]).toMatchObject([124, { t: 'end', status: 'cancelled' }])
    await using stubborn = await start({ spec: { deadline_ms: 500 } })
    await stubborn.give(job('stubborn'))
    const ended = await stubborn.ended()
    expect([ended.exit, ended.frames.some(({ t }) => t === 'end')]).toEqual([124, false])
  })

  it('does not wait for a job beyond its deadline', async () => {
    await using worker = await start({ spec: { deadline_ms: 500 } })
    const { exit, frames } = await worker.ended()
    expect([exit, frames.map(({ t }) => t)]).toEqual([1, ['hello', 'refused']])
  })

  it('ends when nobody reads its output any more', async () => {
    await using worker = await start({ spec: { beat_ms: 20 } })
    await worker.give(job('long'))
    await worker.frame('opened')
    worker.child.stdout.destroy()
    expect((await worker.ended()).exit).toBe(143)
    const frames = (await readFile(worker.at(PLACES.events), 'utf8')).trim().split('\n')
    expect(JSON.parse(frames.at(-1)!)).toMatchObject({ t: 'end', status: 'cancelled' })
  })

  // Guards: the masker of frames and of the report, Life.#fall, the listeners of warnings.
  it.each([
    ['refused', 4],
    ['unregistered', 1],
    ['late', 1],
    ['unhandled', 1],
    ['warned', 0],
    ['told', 6],
  ])('shows no secret when its work is %s', async (what, code) => {
    const secret = canary('pass-')
    await using worker = await start()
    await worker.give(job(what, secret))
    const { exit, stdout, stderr, frames } = await worker.ended()
    expect(exit).toBe(code)
    const kept = await Promise.all(
      (await readdir(worker.folder, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile() && entry.name !== 'worker.cjs')
        .map((entry) => readFile(join(entry.parentPath, entry.name), 'utf8')),
    )
    expect(kept.length).toBeGreaterThan(1)
    expect(new Canaries({ secret }).in([stdout, stderr, ...kept].join('\n'))).toEqual([])
    if (what === 'late' || what === 'unhandled') {
      expect(stderr).toMatch(/^airlock worker: INTERNAL \(ref [0-9a-f]{12}\)\n$/)
      expect(frames.some(({ t }) => t === 'end')).toBe(false)
    } else {
      expect([stderr, frames.at(-1)]).toMatchObject(['', { t: 'end' }])
    }
  })
})
