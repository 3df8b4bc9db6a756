/** Counts into the slab of a worker thread, in steps that keep `rows_sent` equal to `rows_read` and `bytes_read` at ten
 * times that. */
import { parentPort, workerData } from 'node:worker_threads'
import { SlabCounters } from '../../src/sinks/telemetry-slab.js'

const { slab, steps } = workerData.data as { slab: SharedArrayBuffer; steps: number }
const counters = new SlabCounters(slab)
parentPort!.postMessage('started')
for (let i = 0; i < steps; i += 1) counters.add({ rows_read: 1, rows_sent: 1, bytes_read: 10 })
