import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { expect, it } from 'vitest'
import { startE2BServer } from '../../../src/testing/e2b/server.js'
import { countSockets, settle } from '../../../src/testing/sockets.js'
import { connectionOf, E2B, outcome } from './sdk.js'

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

it('starts in a moment', async () => {
  const began = performance.now()
  const server = await startE2BServer()
  const took = performance.now() - began
  await server.close()
  if (process.env['AIRLOCK_MEASURE'] !== undefined) process.stdout.write(`startE2BServer: ${took.toFixed(1)} ms\n`)
})

it('leaves no process, no directory and no socket when it is closed, under load and twice', async () => {
  const server = await startE2BServer()
  const { Sandbox } = new E2B(connectionOf(server))
  const ports = [server.apiUrl, server.sandboxUrl].map((url) => Number(new URL(url).port))
  const sandboxes = await Promise.all(Array.from({ length: 3 }, () => Sandbox.create()))
  const runs = await Promise.all(
    sandboxes.map((sandbox) =>
      sandbox.commands.run('sleep 80 & setsid sleep 81 & while :; do echo y; done', { background: true, timeoutMs: 0 }),
    ),
  )
  server.inject({ at: 'metrics', kind: 'stall' })
  const stalled = outcome(sandboxes[0]!.getMetrics())
  const ended = Promise.all(runs.map((run) => outcome(run.wait())))
  await expect.poll(() => server.requests.some(({ at }) => at === 'metrics')).toBe(true)
  await expect.poll(() => server.processes().length).toBe(9)
  const pids = server.processes()
  const root = dirname(server.sandboxes()[0]!.directory)
  const creating = outcome(Sandbox.create())
  await Promise.all([server.close(), server.close()])
  await server.close()
  expect((await ended).every((text) => text !== 'done')).toBe(true)
  expect(await stalled).toMatch(/fetch failed/)
  await creating
  expect(existsSync(root)).toBe(false)
  expect(server.processes()).toEqual([])
  expect(await settle(() => pids.filter(isAlive).length, 0, 2000)).toBe(0)
  expect(await settle(() => countSockets(...ports), 0, 2000)).toBe(0)
  expect(await outcome(Sandbox.create())).toBe('TypeError: fetch failed')
})

it.each([
  ['exit', 'process.exit(3)'],
  ['SIGKILL', "process.kill(process.pid, 'SIGKILL')"],
])(
  'takes its sandboxes along when its process ends without closing it, by %s',
  async (how, end) => {
    const source = resolve(import.meta.dirname, '../../../src/testing/e2b/server.ts')
    const program = `
    const { startE2BServer } = await import(${JSON.stringify(source)})
    const { E2B } = await import('e2b/dist/index.mjs')
    const server = await startE2BServer()
    const { Sandbox } = new E2B({ apiKey: server.apiKey, apiUrl: server.apiUrl, sandboxUrl: server.sandboxUrl })
    const sandbox = await Sandbox.create()
    await sandbox.commands.run('sleep 82', { background: true })
    const [{ directory, pids }] = server.sandboxes()
    process.stdout.write(JSON.stringify({ directory, pids }))
    process.stdout.write('', () => ${end})`
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { PATH: process.env['PATH'] ?? '' },
    })
    let said = ''
    child.stdout.on('data', (chunk) => {
      said += chunk
    })
    expect(await once(child, 'close')).toEqual(how === 'exit' ? [3, null] : [null, how])
    const { directory, pids } = JSON.parse(said) as { directory: string; pids: number[] }
    expect(pids.length).toBeGreaterThan(0)
    expect(await settle(() => pids.filter(isAlive).length, 0, 5000)).toBe(0)
    await expect.poll(() => existsSync(dirname(directory)), { timeout: 5000 }).toBe(false)
  },
  60_000,
)

it('does not keep bodies beyond what it was asked to', async () => {
  await using server = await startE2BServer({ keepBodyBytes: 10 })
  const sandbox = await new E2B(connectionOf(server)).Sandbox.create()
  await sandbox.files.write('a', new Blob(['0123456789abcdef']).stream())
  const upload = server.requests.find(({ at }) => at === 'upload')!
  expect([upload.body.toString(), upload.bodyLength]).toEqual(['0123456789', 16])
})

it('is the envd, and has the node, that it was started with', async () => {
  await using server = await startE2BServer({ envdVersion: '0.5.0', guestNode: '/bin/echo' })
  const sandbox = await new E2B(connectionOf(server)).Sandbox.create()
  expect((await sandbox.commands.run('node says this')).stdout).toBe('says this\n')
  await sandbox.files.write('a', new Blob(['whole']).stream())
  expect(await sandbox.files.read('a')).toBe('whole')
  const upload = server.requests.find(({ at }) => at === 'upload')!
  expect(upload.headers['content-type']).toMatch(/^multipart\/form-data/) // plain bodies are of 0.5.7
})
