import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { createServer } from './create-server.js'
import type { ServerState } from './server-state.js'

/** Serves one client over stdin and stdout, in the era that its first message is of, until it closes its end or the signal
 * aborts. Calls under way are then ended. */
export async function serveOverStdio(state: ServerState, signal: AbortSignal): Promise<void> {
  const ended = new Promise<void>((resolve) => {
    const end = () => resolve()
    process.stdin.once('end', end)
    process.stdin.once('close', end)
    if (signal.aborted) end()
    signal.addEventListener('abort', end, { once: true })
  })
  const handle = serveStdio(() => createServer(state), {
    onerror: () => state.recorder.telemetry.emit('warning.raised', { problem: 'message refused' }),
  })
  await ended
  await handle.close()
}
