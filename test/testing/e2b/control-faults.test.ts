import { existsSync } from 'node:fs'
import { expect, it } from 'vitest'
import { settle } from '../../../src/testing/sockets.js'
import { describeSdk, outcome } from './sdk.js'

describeSdk('faults of the control plane', {}, (bench) => {
  const created = (): number => bench.server.sandboxes().length

  it.each([
    ['invalid', /^SandboxError: 400: injected/],
    ['unauthorized', /^AuthenticationError/],
    ['forbidden', /^SandboxError: 403: injected/],
    ['not-found', /^SandboxError: 404: injected/],
    ['rate-limited-bare', /^RateLimitError/],
    ['server-error', /^SandboxError: 500: injected/],
    ['bad-gateway', /^SandboxError: 502: .*502 Bad Gateway/s],
    ['no-space', /^SandboxError: 507: injected/],
  ] as const)('%s: nothing is created, once', async (kind, thrown) => {
    const handle = bench.server.inject({ at: 'create', kind })
    expect(await outcome(bench.create())).toMatch(thrown)
    expect([created(), handle.hits]).toEqual([0, 1])
    await bench.create()
    expect([created(), handle.hits]).toEqual([1, 1])
    expect(bench.server.requests.map(({ faults }) => faults)).toEqual([[kind], []])
  })

  it('busy: a class of its own since 2.51', async () => {
    bench.server.inject({ at: 'create', kind: 'busy' })
    const thrown = bench.version === '2.51' ? /^ServiceBusyError/ : /^SandboxError: 503/
    expect(await outcome(bench.create())).toMatch(thrown)
  })

  it('rate-limited: the newer SDK asks again after the time that it is told', async () => {
    const handle = bench.server.inject({ at: 'create', kind: 'rate-limited', retryAfterSeconds: 1 })
    const said = await outcome(bench.create())
    expect(said).toMatch(bench.version === '2.51' ? /^done$/ : /^RateLimitError/)
    expect(handle.hits).toBe(1)
    expect(created()).toBe(bench.version === '2.51' ? 1 : 0)
  })

  it('reset: nothing is created; reply-lost: something is, and nobody knows', async () => {
    bench.server.inject({ at: 'create', kind: 'reset' })
    expect(await outcome(bench.create())).toBe('TypeError: fetch failed')
    expect(created()).toBe(0)
    bench.server.inject({ at: 'create', kind: 'reply-lost' })
    expect(await outcome(bench.create())).toBe('TypeError: fetch failed')
    expect(created()).toBe(1)
    expect(bench.server.requests.map(({ status }) => status)).toEqual([undefined, undefined])
  })

  it('stall and late: until the client has enough, or a while', async () => {
    bench.server.inject({ at: 'create', kind: 'stall' })
    expect(await outcome(bench.create({ requestTimeoutMs: 200 }))).toMatch(/^TimeoutError/)
    bench.server.inject({ at: 'create', kind: 'late', ms: 400 })
    expect(await outcome(bench.create({ requestTimeoutMs: 200 }))).toMatch(/^TimeoutError/)
    expect(created()).toBe(1)
    bench.server.inject({ at: 'create', kind: 'late', ms: 20 })
    expect(await outcome(bench.create())).toBe('done')
  })

  it('every other call fails by its name, and works again', async () => {
    const sandbox = await bench.create()
    const { server } = bench
    const list = (): Promise<unknown> => bench.Sandbox.list().nextItems()
    const calls = [
      ['list', list],
      ['info', () => sandbox.getInfo()],
      ['timeout', () => sandbox.setTimeout(60_000)],
      ['connect', () => bench.Sandbox.connect(sandbox.sandboxId)],
      ['network', () => sandbox.updateNetwork({})],
      ['metrics', () => sandbox.getMetrics()],
      ['health', () => sandbox.isRunning()],
      ['pause', () => sandbox.pause()],
      ['kill', () => sandbox.kill()],
    ] as const
    for (const [at, call] of calls) {
      server.inject({ at, kind: 'server-error' })
      expect(`${at} ${await outcome(call())}`).toMatch(new RegExp(`^${at} SandboxError: 500: injected`))
      expect(`${at} ${await outcome(call())}`).toBe(`${at} done`)
    }
    expect(created()).toBe(0)
  })

  it('a kill whose reply is lost has killed', async () => {
    const sandbox = await bench.create()
    bench.server.inject({ at: 'kill', kind: 'reply-lost' })
    expect(await outcome(sandbox.kill())).toBe('TypeError: fetch failed')
    expect(created()).toBe(0)
    expect(await sandbox.kill()).toBe(false)
  })

  it('health that never answers as it should', async () => {
    const sandbox = await bench.create()
    const handle = bench.server.inject({ at: 'health', kind: 'bad-gateway', times: 'always' })
    expect([await sandbox.isRunning(), await sandbox.isRunning()]).toEqual([false, false])
    handle.remove()
    expect([await sandbox.isRunning(), handle.hits]).toEqual([true, 2])
  })

  it('lets requests pass first, and looks at one sandbox only', async () => {
    const [one, other] = [await bench.create(), await bench.create()]
    const fault = { at: 'info', kind: 'server-error', times: 2, skip: 1, sandbox: other.sandboxId } as const
    const handle = bench.server.inject(fault)
    const said: string[] = []
    for (const sandbox of [one, other, one, other, other, other]) said.push(await outcome(sandbox.getInfo()))
    expect(said.map((text) => text === 'done')).toEqual([true, true, true, false, false, true])
    expect(handle.hits).toBe(2)
  })
})

describeSdk('the end of a sandbox', {}, (bench) => {
  it('comes by itself, with all of its processes, and in the middle of a command', async () => {
    const sandbox = await bench.create({ timeoutMs: 1000 })
    const run = outcome(sandbox.commands.run('sleep 60 & sleep 61; true', { timeoutMs: 0 }))
    await expect.poll(() => bench.server.processes().length).toBe(3)
    const { directory } = bench.server.sandboxes()[0]!
    expect(await run).toMatch(/^TimeoutError: .*killed or reached its end of life/)
    expect(await settle(() => bench.server.processes().length, 0, 3000)).toBe(0)
    expect(bench.server.sandboxes()).toEqual([])
    await expect.poll(() => existsSync(directory)).toBe(false)
    expect(await outcome(sandbox.setTimeout(1000))).toMatch(/^SandboxNotFoundError/)
  })

  it('is a pause for one that was created so', async () => {
    const sandbox = await bench.create({ lifecycle: { onTimeout: 'pause' } })
    expect((await sandbox.getInfo()).lifecycle).toMatchObject({ onTimeout: 'pause' })
    await bench.server.expireSandbox(sandbox.sandboxId)
    expect((await sandbox.getInfo()).state).toBe('paused')
    const plain = await bench.create()
    await bench.server.expireSandbox(plain.sandboxId)
    expect(bench.server.sandboxes().map(({ id }) => id)).toEqual([sandbox.sandboxId])
    const resting = await bench.create()
    await resting.pause()
    await bench.server.expireSandbox(resting.sandboxId)
    expect((await resting.getInfo()).state).toBe('paused')
  })

  it('can be brought about, and so can a halt', async () => {
    const sandbox = await bench.create()
    await sandbox.commands.run('while true; do echo . >> dots; sleep 0.01; done', { background: true, timeoutMs: 0 })
    const dots = async (): Promise<number> => (await sandbox.files.read('dots')).length
    await expect.poll(dots).toBeGreaterThan(0)
    bench.server.signalAll(sandbox.sandboxId, 'SIGSTOP')
    const halted = await settle(dots, await dots(), 500)
    expect(await dots()).toBe(halted)
    bench.server.signalAll(sandbox.sandboxId, 'SIGCONT')
    await expect.poll(dots).toBeGreaterThan(halted)
    await bench.server.killSandbox(sandbox.sandboxId)
    expect(bench.server.processes()).toEqual([])
    expect(await sandbox.kill()).toBe(false)
  })
})
