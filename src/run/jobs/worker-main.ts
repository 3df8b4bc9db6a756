import { runWorker } from '../../remote/worker/run-worker.js'
import { performSealed } from './perform-job.js'

/** Warnings of Node and of libraries would be text that nobody has looked at. */
process.removeAllListeners('warning')

// What it rejects with ends the process too, with one masked line.
void runWorker({ perform: performSealed }).then((code) => process.exit(code))
