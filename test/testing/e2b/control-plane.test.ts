import { existsSync } from 'node:fs'
import { expect, it } from 'vitest'
import { startE2BServer } from '../../../src/testing/e2b/server.js'
import { describeSdk, outcome } from './sdk.js'

describeSdk('the control plane', { limits: { maxTimeoutSeconds: 3600 } }, (bench) => {
  it('creates a sandbox with what it was asked for', async () => {
    const { server } = bench
    const sandbox = await bench.create({ metadata: { run: 'a b&c=ü' }, envs: { COLOUR: 'red' }, timeoutMs: 120_000 })
    const [view] = server.sandboxes()
    expect(view).toMatchObject({ id: sandbox.sandboxId, templateId: 'base', state: 'running', pids: [] })
    expect(view).toMatchObject({ metadata: { run: 'a b&c=ü' }, envs: { COLOUR: 'red' } })
    expect(existsSync(view!.directory)).toBe(true)
    const left = view!.timeoutAt.getTime() - Date.now()
    expect(left).toBeGreaterThan(60_000)
    expect(left).toBeLessThanOrEqual(120_000)
    expect(await sandbox.isRunning()).toBe(true)
    const path = server.requests.find(({ at }) => at === 'create')!.path
    expect(path).toBe(bench.version === '2.51' ? '/v2/sandboxes' : '/sandboxes')
  })

  it('takes 300 seconds where no timeout is given', async () => {
    await bench.Sandbox.create()
    const left = bench.server.sandboxes()[0]!.timeoutAt.getTime() - Date.now()
    expect(left).toBeGreaterThan(240_000)
    expect(left).toBeLessThanOrEqual(300_000)
  })

  it('tells about one sandbox', async () => {
    const sandbox = await bench.create({
      metadata: { a: '1' },
      network: { denyOut: ['0.0.0.0/0'], allowOut: ['a.example.com'] },
    })
    const info = await sandbox.getInfo()
    expect(info).toMatchObject({
      sandboxId: sandbox.sandboxId,
      templateId: 'base',
      state: 'running',
      metadata: { a: '1' },
    })
    expect(info.network).toMatchObject({ denyOut: ['0.0.0.0/0'], allowOut: ['a.example.com'] })
    expect(info.endAt.getTime()).toBeGreaterThan(info.startedAt.getTime())
    expect(await outcome(bench.Sandbox.getInfo('inobody'))).toMatch(/^SandboxNotFoundError/)
  })

  it('kills once, and says so', async () => {
    const sandbox = await bench.create()
    const { directory } = bench.server.sandboxes()[0]!
    expect(await sandbox.kill()).toBe(true)
    expect(existsSync(directory)).toBe(false)
    expect(bench.server.sandboxes()).toEqual([])
    expect(await sandbox.kill()).toBe(false)
    expect(await sandbox.isRunning()).toBe(false)
  })

  it('lists by metadata that needs every encoding, by state, and by pages', async () => {
    const odd = { 'owner/ü': 'a&b=c %41+d', kind: 'odd' }
    const ids: string[] = []
    for (let count = 0; count < 5; count++) {
      ids.push((await bench.create({ metadata: count === 3 ? odd : { kind: 'even' } })).sandboxId)
    }
    const found = await bench.Sandbox.list({ query: { metadata: odd } }).nextItems()
    expect(found.map(({ sandboxId, metadata }) => ({ sandboxId, metadata }))).toEqual([
      { sandboxId: ids[3], metadata: odd },
    ])
    const paginator = bench.Sandbox.list({ limit: 2 })
    const pages: string[][] = []
    while (paginator.hasNext) pages.push((await paginator.nextItems()).map(({ sandboxId }) => sandboxId))
    expect(pages).toEqual([[ids[4], ids[3]], [ids[2], ids[1]], [ids[0]]])
    const oldest = bench.Sandbox.list({ limit: 3, order: 'asc' } as object)
    expect((await oldest.nextItems()).map(({ sandboxId }) => sandboxId)).toEqual(ids.slice(0, 3))
    await bench.Sandbox.pause(ids[1]!)
    const paused = await bench.Sandbox.list({ query: { state: ['paused'] } }).nextItems()
    expect(paused.map(({ sandboxId, state }) => `${sandboxId} ${state}`)).toEqual([`${ids[1]} paused`])
    expect(await bench.Sandbox.list().nextItems()).toHaveLength(5)
  })

  it('sets the end anew: setTimeout both ways, connect only later', async () => {
    const sandbox = await bench.create({ timeoutMs: 600_000 })
    const left = (): number => Math.ceil((bench.server.sandboxes()[0]!.timeoutAt.getTime() - Date.now()) / 60_000)
    await sandbox.setTimeout(120_000)
    expect(left()).toBe(2)
    await bench.Sandbox.connect(sandbox.sandboxId, { timeoutMs: 60_000 })
    expect(left()).toBe(2)
    await bench.Sandbox.connect(sandbox.sandboxId, { timeoutMs: 600_000 })
    expect(left()).toBe(10)
    expect(await outcome(bench.Sandbox.setTimeout('inobody', 1000))).toMatch(/^SandboxNotFoundError/)
    expect(await outcome(bench.Sandbox.connect('inobody'))).toMatch(/^SandboxNotFoundError: Paused sandbox/)
  })

  it('refuses a time beyond the plan, and a wrong key', async () => {
    expect(await outcome(bench.create({ timeoutMs: 3_601_000 }))).toMatch(/^SandboxError: 400: .*1 hours/)
    const sandbox = await bench.create()
    expect(await outcome(sandbox.setTimeout(3_601_000))).toMatch(/^SandboxError: 400/)
    const wrong = bench.Sandbox.create({ apiKey: 'e2b_00' })
    expect(await outcome(wrong)).toMatch(/^AuthenticationError/)
    expect(bench.server.sandboxes()).toHaveLength(1)
  })

  it('pauses and resumes with what was running', async () => {
    const sandbox = await bench.create()
    await sandbox.commands.run('while true; do date +%s%N > beat; sleep 0.01; done', { background: true, timeoutMs: 0 })
    await expect.poll(() => sandbox.files.exists('beat')).toBe(true)
    expect(await sandbox.pause()).toBe(true)
    expect(await sandbox.pause()).toBe(false)
    expect((await sandbox.getInfo()).state).toBe('paused')
    expect(await sandbox.isRunning()).toBe(false)
    expect(bench.server.sandboxes()[0]!.pids.length).toBeGreaterThan(0)
    const again = await bench.Sandbox.connect(sandbox.sandboxId, { timeoutMs: 60_000 })
    const before = await again.files.read('beat')
    await expect.poll(() => again.files.read('beat')).not.toBe(before)
    expect(bench.server.requests.filter(({ at }) => at === 'connect').map(({ status }) => status)).toEqual([201])
  })

  it('checks the network, keeps it, and replaces all of it', async () => {
    const sandbox = await bench.create({
      network: { denyOut: ['0.0.0.0/0'], allowOut: ['1.2.3.4/32', 'a.example.com'] },
    })
    await sandbox.updateNetwork({ denyOut: ['10.0.0.0/8'] })
    expect(bench.server.sandboxes()[0]!.network).toEqual({ denyOut: ['10.0.0.0/8'] })
    expect(await outcome(sandbox.updateNetwork({ allowOut: ['a.example.com'] }))).toMatch(/400: .*ALL_TRAFFIC/)
    expect(await outcome(bench.create({ network: { allowOut: ['a.example.com'] } }))).toMatch(/400: .*ALL_TRAFFIC/)
    expect(await outcome(bench.create({ network: { denyOut: ['a.example.com'] } }))).toMatch(/400: invalid denied CIDR/)
    expect(await outcome(bench.create({ network: { denyOut: ['10.0.0.0/33'] } }))).toMatch(/400: invalid denied CIDR/)
    expect(bench.server.sandboxes()).toHaveLength(1)
  })

  it('gives a sample of metrics', async () => {
    const sandbox = await bench.create()
    const [sample] = await sandbox.getMetrics()
    expect(sample).toMatchObject({ cpuCount: 2, memTotal: 512 * 1024 * 1024 })
    expect(sample!.timestamp.getTime()).toBeGreaterThan(Date.now() - 60_000)
  })

  it('says what it does not have', async () => {
    const sandbox = await bench.create()
    expect(await outcome(sandbox.createSnapshot())).toMatch(/501: .*not part of this server/)
    expect(await outcome(sandbox.fork())).toMatch(/501: .*not part of this server/)
    expect(await outcome(sandbox.pty.create({ cols: 80, rows: 24, onData: () => undefined }))).toMatch(/unimplemented/)
    expect(await outcome(sandbox.files.watchDir('.', () => undefined))).toMatch(/unimplemented/)
  })

  it('keeps what was asked, bodies too', async () => {
    const sandbox = await bench.create({ metadata: { canary: 'bird-1' } })
    await sandbox.files.write('a.txt', 'bird-2')
    await sandbox.commands.run('echo bird-3')
    const told = bench.server.requests.map(({ at, status, body }) => `${at} ${status} ${body.includes('bird-')}`)
    expect(told).toEqual(['create 201 true', 'upload 200 true', 'start 200 true'])
    expect(bench.server.requests[1]!.sandbox).toBe(sandbox.sandboxId)
    expect(bench.server.requests[0]!.headers['x-api-key']).toBe(bench.server.apiKey)
  })
})

describeSdk('the plan', { limits: { concurrent: 4 } }, (bench) => {
  it('never lets more in than fit, however many come at once', async () => {
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => outcome(bench.create())))
    expect(outcomes.filter((text) => text === 'done')).toHaveLength(4)
    expect(outcomes.filter((text) => /^RateLimitError: .*maximum number of concurrent/.test(text))).toHaveLength(16)
    expect(bench.server.sandboxes()).toHaveLength(4)
    const [first] = bench.server.sandboxes()
    await bench.Sandbox.pause(first!.id)
    await bench.create() // a paused one needs no place
    expect(await outcome(bench.Sandbox.connect(first!.id))).toMatch(/^RateLimitError/)
  })
})

it('limits the rate of creations', async () => {
  await using server = await startE2BServer({ apiKey: 'key', limits: { createPerSecond: 2 } })
  const create = (): Promise<Response> =>
    fetch(`${server.apiUrl}/v2/sandboxes`, {
      method: 'POST',
      headers: { 'x-api-key': 'key' },
      body: JSON.stringify({ templateID: 'base' }),
    })
  const replies = await Promise.all([create(), create(), create()])
  expect(replies.map(({ status }) => status).sort()).toEqual([201, 201, 429])
  expect(replies.find(({ status }) => status === 429)!.headers.get('retry-after')).toBe('1')
  await expect.poll(async () => (await create()).status, { timeout: 5000, interval: 200 }).toBe(201)
})
