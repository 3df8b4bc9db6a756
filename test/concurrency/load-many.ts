/** Looks keys up in a shared cache, as a process (argument: the job as JSON) or a worker thread (the job as its data). Each
 * load writes a line, so that loads are counted at the disk. Reports what it saw and the counts of its cache. */
import { appendFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { createCache } from '../../src/cache/index.js'

interface Job {
  readonly dir: string
  readonly name: string
  readonly calls: number
  readonly keys: number
  /** Begin when this many are there, so that they really overlap. */
  readonly callers: number
}

const job: Job = parentPort === null ? JSON.parse(process.argv[2]!) : workerData.data
const cache = await createCache({ dir: `${job.dir}/cache` })
const gate = `${job.dir}/gate`
mkdirSync(gate, { recursive: true })
writeFileSync(`${gate}/${job.name}`, '')
while (readdirSync(gate).length < job.callers) await sleep(2)
const seen = await Promise.all(
  Array.from({ length: job.calls }, async (_, call) => {
    const key = call % job.keys
    const hit = await cache.get(['key', key], async () => {
      appendFileSync(`${job.dir}/loads`, `${key}\n`)
      await sleep(20)
      return `${job.name}-${key}-${Math.random()}`
    })
    return [key, hit.value] as const
  }),
)
const stats = cache.stats()
await cache.close()
const report = { seen, stats }
if (parentPort === null) process.stdout.write(JSON.stringify(report))
else parentPort.postMessage(report)
