import { parentPort, workerData } from 'node:worker_threads'
import { nameRuntime } from '../../core/name-runtime.js'
import { serveRanges } from './serve-ranges.js'

/** The entry of a thread that reads and writes ranges of a table: see `RangeThread`. */
if (parentPort === null) throw new Error('not a thread')
nameRuntime()
await serveRanges(parentPort, workerData)
