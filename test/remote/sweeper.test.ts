import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { idsOf, metadataOf, type SandboxIds } from '../../src/remote/sandbox-metadata.js'
import type { ListedSandbox, SandboxPort } from '../../src/remote/sandbox-port.js'
import { type SweepOptions, sweep } from '../../src/remote/sweeper.js'
import { type E2BFault, type E2BServer, startE2BServer } from '../../src/testing/index.js'
import { live, portTo, REQUEST, Told } from './e2b.js'

let server: E2BServer
beforeAll(async () => {
  server = await startE2BServer()
})
afterAll(() => server.close())

const inject = (fault: E2BFault) => {
  const handle = server.inject(fault)
  onTestFinished(() => handle.remove())
}
const NOW = Date.parse('2026-11-21T12:00:00Z')
const IDS: SandboxIds = { deployment: 'ours', run: 'r1', job: 'j1', attempt: 1, try: 't1', expires: new Date(NOW) }
const ago = (seconds: number) => new Date(NOW - seconds * 1000)

/** A deployment with sandboxes that end at some times, and what it takes to sweep it. */
async function setUp(deployment: string, ...expires: readonly Date[]) {
  const port = portTo(server)
  const create = async (ids: Partial<SandboxIds>) =>
    (await port.create({ ...REQUEST, metadata: metadataOf({ ...IDS, deployment, ...ids }) }, live())).id
  const ids: string[] = []
  for (const [n, one] of expires.entries()) ids.push(await create({ expires: one, try: `t${n}` }))
  const events = new Told()
  const run = (changes: Partial<SweepOptions> = {}) =>
    sweep({ port, deployment, events, signal: live(), now: () => NOW, ...changes })
  const alive = () => server.sandboxes().map(({ id }) => id)
  return { port, ids, create, events, run, alive }
}

describe('a sweep', () => {
  it('kills what is over, grace included, and leaves the rest', async () => {
    const { ids, run, events, alive } = await setUp('d-over', ago(3600), ago(121), ago(119), ago(-60))
    const { kept, ...done } = await run()
    expect(done).toEqual({ expired: ids.slice(0, 2), killed: ids.slice(0, 2), left: [] })
    expect([...kept].sort()).toEqual(ids.slice(2).sort())
    expect(alive().filter((id) => ids.includes(id))).toEqual(ids.slice(2))
    expect(events.lines).toEqual(['sandbox.killed', 'sandbox.killed'])
  })

  it('kills paused ones too', async () => {
    const { ids, run, alive } = await setUp('d-paused', ago(3600))
    const headers = { 'X-API-KEY': server.apiKey }
    await fetch(`${server.apiUrl}/sandboxes/${ids[0]}/pause`, { method: 'POST', headers })
    expect((await run()).killed).toEqual(ids)
    expect(alive()).not.toContain(ids[0])
  })

  it('never touches those of another deployment or of another program', async () => {
    const { port, create, run, alive, events } = await setUp('d-ours')
    const other = await create({ deployment: 'd-theirs', expires: ago(9000) })
    const foreign = await port.create({ ...REQUEST, metadata: { app: 'another', exp: '1' } }, live())
    expect(await run()).toMatchObject({ expired: [], killed: [] })
    expect(alive()).toEqual(expect.arrayContaining([other, foreign.id]))
    expect(events.lines).toEqual([])
  })

  it('never touches others where the platform lists them unasked, and says so', async () => {
    const { ids, port, events, run } = await setUp('d-unasked', ago(3600))
    const killed: string[] = []
    const listed: ListedSandbox[] = [
      { id: 'foreign', metadata: metadataOf({ ...IDS, deployment: 'd-theirs', expires: ago(9000) }) },
      { id: 'odd', metadata: { app: 'airlock', deployment: 'd-unasked' } },
    ].map((one) => ({ ...one, state: 'running', startedAt: ago(9000) }))
    const lax: Pick<SandboxPort, 'list' | 'kill'> = {
      list: async (match, signal) => [...listed, ...(await port.list(match, signal))],
      kill: async (id, signal) => {
        killed.push(id)
        return await port.kill(id, signal)
      },
    }
    expect((await run({ port: lax })).killed).toEqual(ids)
    expect(killed).toEqual(ids)
    expect(events.lines).toEqual([
      'sandbox.sweep_skipped foreign',
      'sandbox.sweep_skipped unreadable',
      'sandbox.killed',
    ])
  })

  it('looks again before it kills: one that ended meanwhile is left alone', async () => {
    const { ids, port, events, run } = await setUp('d-again', ago(3600))
    const kills: string[] = []
    let lists = 0
    const between: Pick<SandboxPort, 'list' | 'kill'> = {
      list: async (match, signal) => {
        if (lists++ === 1) await server.killSandbox(ids[0]!)
        return await port.list(match, signal)
      },
      kill: async (id, signal) => {
        kills.push(id)
        return await port.kill(id, signal)
      },
    }
    expect((await run({ port: between })).killed).toEqual(ids)
    expect([lists, kills, events.lines]).toEqual([2, [], ['sandbox.kill_noop']])
  })

  it('says what it would do and does nothing, when asked so', async () => {
    const { ids, run, alive, events } = await setUp('d-dry', ago(3600))
    expect(await run({ dryRun: true })).toEqual({ expired: ids, killed: [], kept: [], left: [] })
    expect(alive()).toContain(ids[0])
    expect(events.lines).toEqual([])
  })

  it('goes on after a kill that failed, and says which is left', async () => {
    const { ids, run, events } = await setUp('d-fail', ago(3600), ago(3500))
    inject({ at: 'kill', kind: 'server-error', sandbox: ids[0]! })
    expect(await run()).toMatchObject({ killed: [ids[1]], left: [ids[0]] })
    expect(events.lines).toEqual(['sandbox.kill_failed server_error', 'sandbox.killed'])
  })

  it('that cannot list says so and does nothing', async () => {
    const { run, events } = await setUp('d-list', ago(3600))
    inject({ at: 'list', kind: 'server-error' })
    expect(await run()).toEqual({ expired: [], killed: [], kept: [], left: [] })
    expect(events.lines).toEqual(['sandbox.sweep_failed server_error'])
  })

  it('ends with its budget', async () => {
    const { ids, run, events } = await setUp('d-budget', ago(3600), ago(3500), ago(3400))
    expect(await run({ most: 1 })).toMatchObject({ killed: [ids[0]], left: ids.slice(1) })
    expect(events.lines).toEqual(['sandbox.killed', 'sandbox.sweep_failed budget'])
    expect(events.events.at(-1)!.fields.count).toBe(2)
  })

  it('ends with its time', async () => {
    const { run, events } = await setUp('d-time', ago(3600))
    inject({ at: 'list', kind: 'stall', times: 'always' })
    expect((await run({ timeMs: 300 })).killed).toEqual([])
    expect(events.lines).toEqual(['sandbox.sweep_failed aborted'])
  })
})

describe('metadata', () => {
  it('is read as it was written, and holds ids only', () => {
    const ids = { ...IDS, expires: new Date('2026-11-21T12:00:05Z') }
    expect(idsOf(metadataOf(ids))).toEqual(ids)
    expect(Object.keys(metadataOf(ids)).sort()).toEqual(
      ['app', 'attempt', 'deployment', 'exp', 'job', 'run', 'try'].sort(),
    )
    expect(() => metadataOf({ ...IDS, job: 'orders of ann@example.com' })).toThrow(TypeError)
  })

  it.each([[{ app: 'another' }], [{ exp: 'soon' }], [{ attempt: '-1' }], [{ run: '' }], [{ job: 'a b' }]])(
    'of anybody else is not read: %j',
    (change) => {
      expect(idsOf({ ...metadataOf(IDS), ...change })).toBeUndefined()
    },
  )
})
