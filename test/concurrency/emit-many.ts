/** Emits events from a process or a worker thread and stops. */
import { parentPort, workerData } from 'node:worker_threads'
import { Telemetry } from '../../src/sinks/telemetry.js'

interface Job {
  readonly dir: string
  readonly name: string
  readonly count: number
}

const job: Job = parentPort === null ? JSON.parse(process.argv[2]!) : workerData.data
const telemetry = Telemetry.open({
  dir: job.dir,
  masker: { value: (v) => v, text: (s) => s },
  maxSegmentBytes: 100_000,
})
for (let i = 0; i < job.count; i += 1) {
  telemetry.add({ rows_read: 1 })
  telemetry.emit('batch.masked', { id: `${job.name}-${i}` })
  if (i % 100 === 99) await telemetry.flush()
}
const final = await telemetry.stop()
parentPort?.postMessage(final)
