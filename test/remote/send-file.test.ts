import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import type { PortLimits } from '../../src/remote/e2b-sandbox-port.js'
import { RemoteFailure } from '../../src/remote/remote-failure.js'
import { sendFile } from '../../src/remote/send-file.js'
import { type E2BFault, type E2BServer, startE2BServer } from '../../src/testing/index.js'
import { live, quick, sandboxOn, Told } from './e2b.js'

let server: E2BServer
beforeAll(async () => {
  server = await startE2BServer()
})
afterAll(() => server.close())

const inject = (fault: E2BFault) => {
  const handle = server.inject(fault)
  onTestFinished(() => handle.remove())
}
const data = Buffer.from('bundle '.repeat(20_000))

async function send(signal = live(), limits: Partial<PortLimits> = {}) {
  const { port, id } = await sandboxOn(server, limits)
  const events = new Told()
  const retries = quick()
  const outcome = await sendFile({
    port,
    sandbox: id,
    path: 'airlock/worker.cjs',
    data,
    events,
    signal,
    ...retries,
  }).then(
    () => 'sent',
    (error: unknown) => {
      if (!(error instanceof RemoteFailure)) throw error
      return `${error.event} ${error.faultClass}${error.retry ? ' retry' : ''}`
    },
  )
  const { directory } = server.sandboxes().find((one) => one.id === id)!
  const there = () => readFile(join(directory, 'home/user/airlock/worker.cjs'))
  return { outcome, lines: events.lines, waits: retries.waits, there, events }
}

it('sends a file and asks for its size', async () => {
  const { outcome, lines, there } = await send()
  expect([outcome, lines]).toEqual(['sent', []])
  expect(await there()).toEqual(data)
})

it.each([
  ['short-write', 'upload_size_mismatch'],
  ['no-space', 'no_space'],
  ['server-error', 'server_error'],
  ['bad-gateway', 'server_error'],
  ['reset', 'connection_lost'],
  ['reply-lost', 'connection_lost'],
  ['stall', 'deadline'],
  ['not-found', 'not_found'],
  ['rate-limited', 'rate_limited'],
  ['busy', 'busy'],
] as const)('sends it again after %s, with its event', async (kind, faultClass) => {
  inject({ at: 'upload', kind })
  const { outcome, lines, there } = await send(live(), kind === 'stall' ? { uploadMs: 1500 } : {})
  expect([outcome, lines]).toEqual(['sent', [`artifact.upload_failed ${faultClass} true`]])
  expect(await there()).toEqual(data)
})

it.each([
  ['short-write', 'upload_size_mismatch'],
  ['no-space', 'no_space'],
  ['server-error', 'server_error'],
] as const)('gives up after the third %s: another sandbox may do better', async (kind, faultClass) => {
  inject({ at: 'upload', kind, times: 'always' })
  const { outcome, lines, waits, events } = await send()
  const line = `artifact.upload_failed ${faultClass}`
  expect(lines).toEqual([`${line} true`, `${line} true`, `${line} false`])
  expect(outcome).toBe(`${line} retry`)
  expect(waits).toEqual([250, 500])
  expect(events.events[0]!.fields.path).toBe('airlock/worker.cjs')
})

it.each([
  ['invalid', 'invalid'],
  ['unauthorized', 'auth'],
] as const)('gives up at once after %s: nothing would help', async (kind, faultClass) => {
  inject({ at: 'upload', kind, times: 'always' })
  const { outcome, lines } = await send()
  expect([outcome, lines]).toEqual([
    `artifact.upload_failed ${faultClass}`,
    [`artifact.upload_failed ${faultClass} false`],
  ])
})

it('does not believe a size that it could not ask for', async () => {
  inject({ at: 'stat', kind: 'server-error' })
  const { outcome, lines } = await send()
  expect([outcome, lines]).toEqual(['sent', ['artifact.upload_failed server_error true']])
})

it('waits as long as the platform asks, at least', async () => {
  inject({ at: 'upload', kind: 'rate-limited', retryAfterSeconds: 9 })
  const { outcome, waits } = await send()
  expect([outcome, waits]).toEqual(['sent', [9000]])
})

it('ends when the caller gives up', async () => {
  const { outcome, lines } = await send(AbortSignal.abort())
  expect([outcome, lines]).toEqual(['artifact.upload_failed aborted', ['artifact.upload_failed aborted false']])
})

it('says gone where the sandbox is', async () => {
  const { port, id } = await sandboxOn(server)
  await server.killSandbox(id)
  const events = new Told()
  const sent = sendFile({ port, sandbox: id, path: 'x', data, events, signal: live(), ...quick() })
  await expect(sent).rejects.toMatchObject({ faultClass: 'gone', retry: true })
  expect(events.lines).toEqual(['artifact.upload_failed gone false'])
})
