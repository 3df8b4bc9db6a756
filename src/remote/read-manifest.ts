import { createHash } from 'node:crypto'
import type { RemoteEventPort } from './events.js'
import { asFault, FILE_TRIES, mayRepeat, type RetryOptions, waitAfter, waitFor } from './fault-retry.js'
import { PLACES, type WorkerManifest, workerManifest } from './protocol.js'
import { SandboxFault } from './sandbox-fault.js'
import type { SandboxPort } from './sandbox-port.js'

export interface ReadManifestOptions extends RetryOptions {
  readonly port: Pick<SandboxPort, 'download'>
  readonly sandbox: string
  /** Whose manifest it has to be. */
  readonly run: string
  readonly job: string
  readonly attempt: number
  /** What the worker said in its last frame; undefined where that did not arrive. */
  readonly digest: string | undefined
  readonly events: RemoteEventPort
  readonly signal: AbortSignal
}

/** A longer one was not written by our worker. */
const LONGEST_BYTES = 16 * 1024 * 1024

/** The manifest of a worker: of the right run, job and attempt, and the one whose digest the worker said. Where the worker
 * did not say it, the manifest has to arrive twice in the same form. Undefined, after the events, where there is none that
 * can be believed. */
export async function readManifest(options: ReadManifestOptions): Promise<WorkerManifest | undefined> {
  const { events, signal, tries = FILE_TRIES, wait = waitFor, random } = options
  for (let failed = 1; ; failed++) {
    const read = await readOnce(options)
    if ('manifest' in read) return read.manifest
    const retry = failed < tries && mayRepeat(read.fault) && !signal.aborted
    events.emit('artifact.download_failed', { path: PLACES.manifest, class: read.faultClass, retry })
    if (!retry) {
      events.emit(read.event, { class: read.faultClass })
      return undefined
    }
    try {
      await wait(waitAfter(read.fault, failed, random), signal)
    } catch (error) {
      events.emit(read.event, { class: asFault(error).faultClass })
      return undefined
    }
  }
}

type ManifestRead =
  | { readonly manifest: WorkerManifest }
  | {
      readonly event: 'artifact.manifest_unavailable' | 'artifact.manifest_rejected'
      readonly faultClass: string
      readonly fault: SandboxFault
    }

async function readOnce(options: ReadManifestOptions): Promise<ManifestRead> {
  try {
    const bytes = await download(options)
    const expected = options.digest ?? sha256(await download(options))
    return sha256(bytes) === expected ? parse(bytes, options) : rejected('digest_mismatch')
  } catch (error) {
    const fault = asFault(error)
    return { event: 'artifact.manifest_unavailable', faultClass: fault.faultClass, fault }
  }
}

async function download({ port, sandbox, signal }: ReadManifestOptions): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of await port.download(sandbox, PLACES.manifest, 0, signal)) {
    length += chunk.byteLength
    if (length > LONGEST_BYTES) throw new SandboxFault('refused')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, length)
}

function parse(bytes: Buffer, { run, job, attempt }: ReadManifestOptions): ManifestRead {
  const parsed = workerManifest.safeParse(jsonOf(bytes))
  if (!parsed.success) return rejected('schema')
  const manifest = parsed.data
  if (manifest.run !== run) return rejected('other_run')
  if (manifest.job !== job) return rejected('other_job')
  if (manifest.attempt !== attempt) return rejected('other_attempt')
  if (new Set(manifest.files.map(({ path }) => path)).size !== manifest.files.length) return rejected('repeated_path')
  return { manifest }
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined // which is no manifest
  }
}

/** What arrived may have been damaged on its way, so it is fetched again. */
function rejected(faultClass: string): ManifestRead {
  return { event: 'artifact.manifest_rejected', faultClass, fault: new SandboxFault('server_error') }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
