/** Appends records to an audit log, as a process (arguments: options as JSON) or a worker thread (options as its data),
 * and reports the receipts. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { AuditLog } from '../../src/sinks/audit-log.js'

interface Job {
  readonly dir: string
  readonly name: string
  readonly count: number
  /** Appends that wait for their receipt at the same time. */
  readonly producers: number
  readonly padding: number
  readonly maxSegmentBytes?: number
  readonly durability?: 'none' | 'batch'
  /** Writers begin when this many have opened the log, so that they really overlap. */
  readonly writers?: number
}

const job: Job = parentPort === null ? JSON.parse(process.argv[2]!) : workerData.data
const log = await AuditLog.open({
  dir: job.dir,
  masker: { value: (v) => v, text: (s) => s },
  reserveBytes: 0,
  durability: job.durability ?? 'none',
  ...(job.maxSegmentBytes === undefined ? {} : { maxSegmentBytes: job.maxSegmentBytes }),
})
await waitForAll(job)
const pad = 'x'.repeat(job.padding)
let next = 0
const receipts: [seq: number, id: string, hash: string][] = []
const produce = async (): Promise<void> => {
  while (next < job.count) {
    const id = `${job.name}-${next}`
    next += 1
    const { seq, hash } = await log.append({ type: 'row.written', op: id, data: { pad } })
    if (parentPort === null) process.stdout.write(`${seq} ${id} ${hash}\n`)
    else receipts.push([seq, id, hash])
  }
}
await Promise.all(Array.from({ length: job.producers }, produce))
await log.close()
parentPort?.postMessage(receipts)

async function waitForAll({ dir, name, writers = 1 }: Job): Promise<void> {
  const gate = `${dir}/gate`
  mkdirSync(gate, { recursive: true })
  writeFileSync(`${gate}/${name}`, '')
  while (readdirSync(gate).length < writers) await sleep(2)
}
