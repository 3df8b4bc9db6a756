import { withCallDeadline } from './call-deadline.js'
import type { RemoteEventPort } from './events.js'
import { asFault, FILE_TRIES, mayRepeat, type RetryOptions, waitAfter, waitFor } from './fault-retry.js'
import { LocalWriteFault, nodePartFiles, PartFile, type PartFilesPort, type SecretSearch } from './part-file.js'
import { SandboxFault } from './sandbox-fault.js'
import type { SandboxPort } from './sandbox-port.js'

export interface FetchArtifactOptions extends RetryOptions {
  readonly port: Pick<SandboxPort, 'download'>
  readonly sandbox: string
  /** In the sandbox, relative to the home folder of its user. */
  readonly from: string
  /** Absolute path on this machine. */
  readonly to: string
  /** Its name in events. */
  readonly path: string
  readonly size: number
  /** Undefined where nobody has said it: what arrives then proves nothing. */
  readonly sha256: string | undefined
  readonly search: () => SecretSearch
  readonly events: RemoteEventPort
  readonly signal: AbortSignal
  readonly files?: PartFilesPort
}

/** What became of a file. */
export type FetchOutcome = 'kept' | 'lost' | 'secret_detected' | 'local_write_failed'

/** Slower than this is as good as not at all. */
const LEAST_BYTES_PER_MS = 64
const LEAST_MS = 60_000

/** Brings one file here: to a name of its own, counted, hashed and searched for secrets as it is written, no more than one
 * byte beyond its size, then made durable and renamed. Tries three times; after a connection that broke it goes on where
 * it was, after wrong bytes from the start. Every failure is an event; never throws. */
export async function fetchArtifact(options: FetchArtifactOptions): Promise<FetchOutcome> {
  const { to, path, size, search, events, files = nodePartFiles } = options
  let part: PartFile | undefined
  try {
    part = await PartFile.open(to, search, files)
    const outcome = await fill(part, options)
    if (outcome === 'kept') {
      await part.keep()
      events.emit('artifact.collected', { path, bytes: size })
    } else await part.discard()
    return outcome
  } catch (error) {
    const faultClass = error instanceof LocalWriteFault ? error.errno : 'unknown'
    events.emit('artifact.local_write_failed', { path, class: faultClass })
    await part?.abandon()
    return 'local_write_failed'
  }
}

async function fill(part: PartFile, options: FetchArtifactOptions): Promise<FetchOutcome> {
  const { path, events, signal, tries = FILE_TRIES, wait = waitFor, random } = options
  for (let failed = 1; ; failed++) {
    const problem = await fillOnce(part, options)
    if (problem === undefined) return 'kept'
    if (problem === 'secret') {
      events.emit('secret.detected', { path })
      return 'secret_detected'
    }
    const retry = failed < tries && mayRepeat(problem.fault) && !signal.aborted
    events.emit('artifact.download_failed', { path, class: problem.faultClass, retry })
    const waited = retry && (await hasWaited(() => wait(waitAfter(problem.fault, failed, random), signal)))
    if (!waited) {
      events.emit('artifact.lost', { path })
      return 'lost'
    }
    if (problem.isWrong) await part.restart()
  }
}

interface Problem {
  readonly fault: SandboxFault
  readonly faultClass: string
  /** What is here is of no use. */
  readonly isWrong: boolean
}

async function fillOnce(part: PartFile, options: FetchArtifactOptions): Promise<Problem | 'secret' | undefined> {
  const { size, sha256 } = options
  try {
    if (part.size < size || size === 0) {
      const found = await receive(part, options)
      if (found) return 'secret'
    }
  } catch (error) {
    if (error instanceof LocalWriteFault) throw error
    const fault = asFault(error)
    // An answer of success that gives other bytes than were asked for: a range that is not understood.
    const isWrong = fault.status !== undefined && fault.status < 300
    return { fault, faultClass: fault.faultClass, isWrong }
  }
  if (part.size > size) return wrong('oversize')
  if (part.size < size) return wrong('size_mismatch')
  if (sha256 !== undefined && part.digest() !== sha256) return wrong('digest_mismatch')
  return part.endSearch() ? 'secret' : undefined
}

/** Whether a secret was found. Stops as soon as there is one byte too many. */
async function receive(part: PartFile, { port, sandbox, from, size, signal }: FetchArtifactOptions): Promise<boolean> {
  const ms = LEAST_MS + Math.ceil((size - part.size) / LEAST_BYTES_PER_MS)
  return await withCallDeadline(signal, ms, async (bounds) => {
    try {
      for await (const chunk of await port.download(sandbox, from, part.size, bounds.signal)) {
        const room = size + 1 - part.size
        if (await part.write(chunk.byteLength > room ? chunk.subarray(0, room) : chunk)) return true
        if (part.size > size) return false
      }
      return false
    } catch (error) {
      throw bounds.expired() && !(error instanceof LocalWriteFault) ? new SandboxFault('deadline') : error
    }
  })
}

function wrong(faultClass: string): Problem {
  return { fault: new SandboxFault('server_error'), faultClass, isWrong: true }
}

async function hasWaited(wait: () => Promise<void>): Promise<boolean> {
  try {
    await wait()
    return true
  } catch (error) {
    if (error instanceof SandboxFault) return false // told as lost
    throw error
  }
}
