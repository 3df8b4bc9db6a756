import { withinDeadline } from './deadline.js'

/** Whatever has to be written before the process ends. `close` must be idempotent. */
export interface ClosablePort {
  close(): Promise<unknown>
}

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

/** For programs without a shutdown of their own: closes the sinks when the event loop runs dry and on SIGTERM, SIGINT and
 * SIGHUP, within `timeoutMs` (default 3000), and then lets the signal end the process as it would have. Returns the
 * function that takes the handlers away. */
export function closeOnExit(sinks: readonly ClosablePort[], timeoutMs = 3000): () => void {
  const closeAll = async (): Promise<void> => {
    await withinDeadline(Promise.allSettled(sinks.map((sink) => sink.close())), timeoutMs)
  }
  const onDry = (): void => {
    remove()
    void closeAll()
  }
  const onSignal = (signal: NodeJS.Signals): void => {
    remove()
    void closeAll().then(() => process.kill(process.pid, signal))
  }
  const remove = (): void => {
    process.off('beforeExit', onDry)
    for (const signal of SIGNALS) process.off(signal, onSignal)
  }
  process.on('beforeExit', onDry)
  for (const signal of SIGNALS) process.on(signal, onSignal)
  return remove
}
