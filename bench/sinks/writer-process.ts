/** One of several writers that share a directory for a while; prints how many events it stored and their latencies. */
import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { AuditLog } from '../../src/sinks/index.js'
import { benchEvent, peer } from './harness.js'

const [dir = '', kind = '', milliseconds = '0'] = process.argv.slice(2)
const PRODUCERS = 64

interface Writer {
  append(i: number): Promise<unknown>
  close(): Promise<void>
}

const writer = kind === 'audit' ? await openAudit() : await openProperLockfile()
process.stdout.write('ready\n')
while (!existsSync(join(dir, 'go'))) await sleep(1)
const started = performance.now()
const latencies: number[] = []
const produce = async (): Promise<void> => {
  while (performance.now() - started < Number(milliseconds)) {
    const before = performance.now()
    await writer.append(latencies.length)
    latencies.push(performance.now() - before)
  }
}
await Promise.all(Array.from({ length: PRODUCERS }, produce))
await writer.close()
latencies.sort((a, b) => a - b)
process.stdout.write(
  `${JSON.stringify({ stored: latencies.length, p99: latencies[Math.floor(latencies.length * 0.99)] })}\n`,
)

async function openAudit(): Promise<Writer> {
  const log = await AuditLog.open({ dir, masker: { value: (v) => v, text: (s) => s }, reserveBytes: 0 })
  return { append: (i) => log.append(benchEvent(i)), close: () => log.close() }
}

/** The same loop with the lock of proper-lockfile around each batch, and no chain. */
async function openProperLockfile(): Promise<Writer> {
  const module = (await peer('proper-lockfile')) as {
    default: { lock(path: string, options: object): Promise<() => Promise<void>> }
  }
  const path = join(dir, 'log')
  const handle = await open(path, 'a')
  let queue: { readonly line: string; readonly done: () => void }[] = []
  let flushing = false
  const flush = async (): Promise<void> => {
    flushing = true
    while (queue.length > 0) {
      await new Promise((resolve) => setImmediate(resolve))
      const batch = queue
      queue = []
      const release = await module.default.lock(path, { retries: { retries: 10_000, minTimeout: 1, maxTimeout: 8 } })
      await handle.write(batch.map((entry) => entry.line).join(''))
      await handle.datasync()
      await release()
      for (const entry of batch) entry.done()
    }
    flushing = false
  }
  return {
    append: (i) =>
      new Promise<void>((done) => {
        queue.push({ line: `${JSON.stringify({ ts: new Date().toISOString(), ...benchEvent(i) })}\n`, done })
        if (!flushing) void flush()
      }),
    close: () => handle.close(),
  }
}
