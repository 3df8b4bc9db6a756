import type { RemoteEventPort } from './events.js'
import { asFault, FILE_TRIES, mayRepeat, type RetryOptions, waitAfter, waitFor } from './fault-retry.js'
import { RemoteFailure } from './remote-failure.js'
import { SandboxFault } from './sandbox-fault.js'
import type { SandboxPort } from './sandbox-port.js'

export interface SendFileOptions extends RetryOptions {
  readonly port: Pick<SandboxPort, 'upload' | 'sizeOf'>
  readonly sandbox: string
  /** In the sandbox, relative to the home folder of its user. */
  readonly path: string
  readonly data: Uint8Array
  readonly events: RemoteEventPort
  readonly signal: AbortSignal
}

/** Another sandbox does no better. */
const HOPELESS: ReadonlySet<string> = new Set(['invalid', 'auth', 'refused', 'aborted'])

/** Puts a file into a sandbox and asks for its size afterwards, since a platform may confirm what it wrote only in part.
 * Tries three times; each failure is an event. Whether the bytes are right is for the digests of the worker's hello.
 * Throws RemoteFailure. */
export async function sendFile(options: SendFileOptions): Promise<void> {
  const { path, events, signal, tries = FILE_TRIES, wait = waitFor, random } = options
  for (let failed = 1; ; failed++) {
    const problem = await sendOnce(options)
    if (problem === undefined) return
    const { fault, faultClass } = problem
    const retry = failed < tries && mayRepeat(fault) && !signal.aborted
    events.emit('artifact.upload_failed', { path, class: faultClass, retry })
    if (!retry) throw new RemoteFailure('artifact.upload_failed', faultClass, !HOPELESS.has(faultClass))
    await waitOrGiveUp(() => wait(waitAfter(fault, failed, random), signal))
  }
}

interface Problem {
  readonly fault: SandboxFault
  readonly faultClass: string
}

async function sendOnce({ port, sandbox, path, data, signal }: SendFileOptions): Promise<Problem | undefined> {
  try {
    await port.upload(sandbox, path, data, signal)
    const size = await port.sizeOf(sandbox, path, signal)
    if (size === data.byteLength) return undefined
    return { fault: new SandboxFault('server_error'), faultClass: 'upload_size_mismatch' }
  } catch (error) {
    const fault = asFault(error)
    return { fault, faultClass: fault.faultClass }
  }
}

async function waitOrGiveUp(wait: () => Promise<void>): Promise<void> {
  try {
    await wait()
  } catch (error) {
    throw new RemoteFailure('artifact.upload_failed', asFault(error).faultClass, false)
  }
}
