/** Appends rows to the table `t` of a folder, one write after the other, as a process (arguments: options as JSON) or a worker
 * thread (options as its data). */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import type { Batch } from '../../src/core/batch.js'
import { files } from '../../src/drivers/index.js'
import { batchOf, column } from './rows.js'

interface Job {
  readonly root: string
  readonly name: string
  readonly writes: number
  /** The source never ends. */
  readonly endless?: boolean
  /** Writers begin when this many are ready, so that they really overlap. */
  readonly writers?: number
}

const job: Job = parentPort === null ? JSON.parse(process.argv[2]!) : workerData.data
const columns = [column('id', 'int64'), column('name', 'text')]

async function* source(write: number): AsyncGenerator<Batch, void, undefined> {
  yield batchOf(columns, [[String(write), job.name]])
  while (job.endless === true) {
    yield batchOf(columns, [['1', 'x'.repeat(100_000)]])
    await sleep(1)
  }
}

const session = await files.open({ root: job.root })
if (job.writers !== undefined) {
  const gate = `${job.root}/gate`
  mkdirSync(gate, { recursive: true })
  writeFileSync(`${gate}/${job.name}`, '')
  while (readdirSync(gate).length < job.writers) await sleep(2)
}
for (let write = 0; write < job.writes; write++) {
  await session.write({ table: 't', mode: 'append' }, source(write))
}
await session.close()
parentPort?.postMessage('done')
