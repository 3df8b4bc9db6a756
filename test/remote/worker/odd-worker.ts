import { setTimeout as sleep } from 'node:timers/promises'
import { AirlockError } from '../../../src/errors/index.js'
import { runWorker } from '../../../src/remote/worker/run-worker.js'
import type { Perform } from '../../../src/remote/worker/worker-context.js'

/** Work that does what the test has sealed: a word, and a secret that must not be seen. */
const perform: Perform = async (job, { masker, signal, send, count }) => {
  const [what, secret] = Buffer.from(job).toString('utf8').split(' ') as [string, string]
  if (what === 'unregistered') throw new Error(secret)
  masker.add(secret)
  if (what === 'refused') throw new AirlockError('UNSUPPORTED', { phase: 'plan', params: { problem: 'this' } })
  if (what === 'late') setTimeout(() => fail(secret), 10)
  if (what === 'unhandled') void Promise.reject(new Error(secret))
  if (what === 'warned') process.emitWarning(secret)
  if (what === 'told') {
    count({ rows: 7, bytes: 70 })
    send({ t: 'event', name: 'warning.raised', data: { problem: `it is ${secret}` } })
    send({ t: 'progress', stream: secret, rows: 1, bytes: 1, seconds: 0 })
    await sleep(300)
    return { status: 'partial', exit: 6, report: { what: `it was ${secret}` } }
  }
  if (what === 'stubborn') await sleep(600_000)
  if (what === 'late' || what === 'unhandled' || what === 'long') await sleep(600_000, undefined, { signal })
  return { status: 'ok', exit: 0, report: { what } }
}

function fail(secret: string): never {
  throw new TypeError(secret)
}

process.removeAllListeners('warning')
void runWorker({ load: async () => perform }).then((code) => process.exit(code))
