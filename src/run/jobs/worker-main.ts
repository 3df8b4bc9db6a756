import { nameRuntime } from '../../core/name-runtime.js'
import { runWorker } from '../../remote/worker/run-worker.js'

/** Warnings of Node and of libraries would be text that nobody has looked at. */
process.removeAllListeners('warning')

nameRuntime()

// What it rejects with ends the process too, with one masked line.
void runWorker({ load: async () => (await import('./perform-job.js')).performSealed }).then((code) =>
  process.exit(code),
)
