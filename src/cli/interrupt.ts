import { constants } from 'node:os'
import { AirlockError } from '../errors/index.js'

/** How long rolling back and closing may take before the process ends regardless. */
const GRACE_MS = 1800

/** Turns SIGINT and SIGTERM into an abort: the command rolls back, closes and exits by itself. A second signal, or a
 * command that does not end in time, ends the process at once. Returns the signal to hand down. */
export function abortOnSignals(): AbortSignal {
  const controller = new AbortController()
  const interrupt = (name: 'SIGINT' | 'SIGTERM') => () => {
    const exitCode = 128 + constants.signals[name]
    if (controller.signal.aborted) process.exit(exitCode)
    controller.abort(new AirlockError(name === 'SIGINT' ? 'INTERRUPTED' : 'TERMINATED'))
    setTimeout(() => process.exit(exitCode), GRACE_MS).unref()
  }
  process.on('SIGINT', interrupt('SIGINT'))
  process.on('SIGTERM', interrupt('SIGTERM'))
  return controller.signal
}
