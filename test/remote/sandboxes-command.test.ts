import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { metadataOf } from '../../src/remote/sandbox-metadata.js'
import { type E2BFault, type E2BServer, startE2BServer } from '../../src/testing/index.js'
import { airlock, calmLine, envelope } from '../cli/airlock.js'
import { live, portTo, REQUEST } from './e2b.js'

let server: E2BServer
beforeAll(async () => {
  server = await startE2BServer()
})
afterAll(() => server.close())

async function project(deployment: string, e2b: object = {}) {
  const cwd = await mkdtemp(join(tmpdir(), 'airlock-sandboxes-'))
  onTestFinished(() => rm(cwd, { recursive: true, force: true }))
  const { apiUrl, sandboxUrl } = server
  const remote = { e2b: { api_key: '${env:KEY}', api_url: apiUrl, sandbox_url: sandboxUrl, deployment, ...e2b } }
  await writeFile(join(cwd, 'airlock.yaml'), JSON.stringify({ connections: {}, remote }))
  const run = (args: readonly string[], env: Record<string, string> = {}) =>
    airlock(['sandboxes', ...args], { cwd, env: { KEY: server.apiKey, ...env } })
  const create = async (minutes: number, of = deployment) => {
    const expires = new Date(Date.now() + minutes * 60_000)
    const ids = { deployment: of, run: 'r1', job: 'j1', attempt: 1, try: `t${minutes}`, expires }
    return (await portTo(server).create({ ...REQUEST, metadata: metadataOf(ids) }, live())).id
  }
  return { run, create, cwd }
}

const inject = (fault: E2BFault) => {
  const handle = server.inject(fault)
  onTestFinished(() => handle.remove())
}

describe('airlock sandboxes list', () => {
  it('shows those of this deployment, as a table and as JSON', async () => {
    const { run, create } = await project('c-list')
    const over = await create(-60)
    const mine = await create(60)
    await create(60, 'c-other')
    const shown = await run(['list'])
    expect([shown.code, shown.stderr]).toEqual([0, ''])
    expect(shown.stdout).toMatch(/sandbox +state +run +job +started +until +cost/)
    expect(shown.stdout).toContain(`${mine}  running`)
    expect(shown.stdout).toMatch(new RegExp(`${over} .*\\(over\\)`))
    const data = envelope(await run(['list', '--json'])).data as { deployment: string; sandboxes: { id: string }[] }
    expect(data.deployment).toBe('c-list')
    expect(data.sandboxes.map(({ id }) => id).sort()).toEqual([over, mine].sort())
    expect(data.sandboxes.find(({ id }) => id === over)).toEqual({
      ...{ id: over, state: 'running', run: 'r1', job: 'j1', attempt: 1, expired: true },
      ...{ started_at: expect.any(String), expires_at: expect.any(String), cost_usd: expect.any(Number) },
    })
  })

  it('says so where there are none', async () => {
    const { run } = await project('c-none')
    expect((await run(['list'])).stdout).toBe('deployment c-none has no sandboxes\n')
  })

  it('is an error where the platform refuses, and never an empty list', async () => {
    const { run } = await project('c-refused')
    inject({ at: 'list', kind: 'server-error' })
    const ended = await run(['list'])
    expect([ended.code, ended.stdout]).toEqual([3, ''])
    expect(calmLine(ended, 'PLATFORM_FAILED')).toContain('list (server_error)')
    const wrong = await run(['list', '--json'], { KEY: 'not-the-key' })
    expect(envelope(wrong)).toMatchObject({ ok: false, error: { code: 'PLATFORM_FAILED' } })
    expect(wrong.text).not.toContain('not-the-key')
  })

  it('refuses to run with E2B_DEBUG, which would list and kill nothing and say it did', async () => {
    const { run } = await project('c-debug')
    const ended = await run(['list'], { E2B_DEBUG: 'true' })
    expect(ended.code).toBe(2)
    expect(calmLine(ended, 'CONFIG_INVALID')).toContain('E2B_DEBUG is set')
  })
})

describe('airlock sandboxes sweep', () => {
  const alive = () => server.sandboxes().map(({ id }) => id)

  it('says what it would kill, then kills it, and nothing else', async () => {
    const { run, create } = await project('c-sweep')
    const over = await create(-60)
    const mine = await create(60)
    const theirs = await create(-60, 'c-theirs')
    const dry = await run(['sweep', '--dry-run'])
    expect([dry.code, dry.stdout]).toEqual([0, '1 to kill, nothing was killed; 1 still in their time\n'])
    expect(alive()).toContain(over)
    const done = await run(['sweep'])
    expect([done.code, done.stdout]).toEqual([0, '1 killed; 1 still in their time\n'])
    expect(done.stderr).toContain(`sandbox ${over} is gone`)
    expect(alive()).not.toContain(over)
    expect(alive()).toEqual(expect.arrayContaining([mine, theirs]))
  })

  it('ends with 3 and the names where something is left', async () => {
    const { run, create } = await project('c-left')
    const over = await create(-60)
    inject({ at: 'kill', kind: 'server-error', times: 'always', sandbox: over })
    const ended = await run(['sweep', '--json'])
    expect(ended.code).toBe(3)
    expect(envelope(ended)).toMatchObject({
      ok: false,
      error: { code: 'PLATFORM_FAILED' },
      data: { expired: [over], killed: [], left: [over], events: { 'sandbox.kill_failed': 1 } },
    })
  })

  it('that cannot list is an error, not a clean house', async () => {
    const { run } = await project('c-nolist')
    inject({ at: 'list', kind: 'busy' })
    const ended = await run(['sweep'])
    expect(ended.code).toBe(3)
    expect(ended.stderr).toContain('PLATFORM_FAILED')
  })

  it('writes down what it killed', async () => {
    const { run, create, cwd } = await project('c-audit')
    await create(-60)
    await run(['sweep'])
    const tail = await airlock(['audit', 'tail', '--json'], { cwd, env: { KEY: server.apiKey } })
    expect(tail.stdout).toContain('sandboxes.sweep')
  })
})
