import type { RemoteEventPort } from './events.js'
import { asFault, FILE_TRIES, mayRepeat, type RetryOptions, waitAfter, waitFor } from './fault-retry.js'
import { PLACES } from './protocol.js'
import type { RemoteEntry, SandboxPort } from './sandbox-port.js'

export interface ListOutputOptions extends RetryOptions {
  readonly port: Pick<SandboxPort, 'listFiles'>
  readonly sandbox: string
  readonly events: RemoteEventPort
  readonly signal: AbortSignal
}

/** What lies in a worker's folder, but for folders and for what host and worker write about it; undefined, after the events,
 * where it cannot be listed. */
export async function listOutput(options: ListOutputOptions): Promise<readonly RemoteEntry[] | undefined> {
  const { port, sandbox, events, signal, tries = FILE_TRIES, wait = waitFor, random } = options
  for (let failed = 1; ; failed++) {
    try {
      const entries = await port.listFiles(sandbox, PLACES.out, signal)
      return entries.filter(({ path, kind }) => kind !== 'folder' && !OWN.has(path))
    } catch (error) {
      const fault = asFault(error)
      const retry = failed < tries && mayRepeat(fault) && !signal.aborted
      events.emit('artifact.list_failed', { class: fault.faultClass, retry })
      if (!retry) return undefined
      try {
        await wait(waitAfter(fault, failed, random), signal)
      } catch (given) {
        events.emit('artifact.list_failed', { class: asFault(given).faultClass, retry: false })
        return undefined
      }
    }
  }
}

/** Seen from the folder of the output. */
const OWN: ReadonlySet<string> = new Set(
  [PLACES.manifest, PLACES.events].map((path) => path.slice(PLACES.out.length + 1)),
)
