import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '../sinks/errno.js'
import { ArtifactNames, printablePath } from './artifact-path.js'
import { compareListing } from './compare-listing.js'
import type { RemoteEventPort } from './events.js'
import type { RetryOptions } from './fault-retry.js'
import { type FetchOutcome, fetchArtifact } from './fetch-artifact.js'
import { inLanes } from './in-lanes.js'
import { listOutput } from './list-output.js'
import type { PartFilesPort, SecretSearch } from './part-file.js'
import { type ManifestFile, PLACES, type WorkerManifest } from './protocol.js'
import { quarantineListed } from './quarantine-listed.js'
import { readManifest } from './read-manifest.js'
import type { SandboxPort } from './sandbox-port.js'

/** What is left behind on purpose. */
export interface ArtifactPolicy {
  /** Bytes of one file (64 GiB). */
  readonly maxFileBytes?: number
  readonly kinds?: readonly ManifestFile['kind'][]
}

export interface CollectOptions extends RetryOptions {
  readonly port: Pick<SandboxPort, 'download' | 'listFiles'>
  readonly sandbox: string
  /** Whose files they have to be. */
  readonly run: string
  readonly job: string
  readonly attempt: number
  /** What the worker said in its last frame; undefined where that did not arrive. */
  readonly manifestDigest: string | undefined
  /** Absolute path of the folder for them, which is created. */
  readonly folder: string
  /** Begins a search for every secret that was given to the worker and for the key of the platform. */
  readonly searchSecrets: () => SecretSearch
  readonly events: RemoteEventPort
  readonly signal: AbortSignal
  readonly policy?: ArtifactPolicy
  /** How many files arrive at one time: 1 to 8 (4). */
  readonly width?: number
  readonly files?: PartFilesPort
}

export interface CollectedFile {
  /** Relative to the folder. */
  readonly path: string
  readonly size: number
  readonly sha256: string
  readonly kind: ManifestFile['kind']
  readonly rows?: number | undefined
}

export interface MissingFile {
  readonly path: string
  readonly reason: Exclude<FetchOutcome, 'kept'> | 'path_rejected' | 'no_manifest' | 'cancelled'
}

/** What came of the files of a worker. Each file of the manifest is in exactly one of the first three lists. */
export interface CollectedArtifacts {
  /** Undefined where there is none that can be believed; then nothing else can be either. */
  readonly manifest: WorkerManifest | undefined
  /** What the worker reported, as JSON that nobody has looked at yet; undefined where it is not here. */
  readonly report: unknown
  readonly files: readonly CollectedFile[]
  readonly missing: readonly MissingFile[]
  readonly skipped: readonly { readonly path: string; readonly reason: 'size' | 'kind' }[]
  /** What was listed without a manifest and is here for a person to look at, below `quarantine`. */
  readonly quarantined: readonly string[]
}

const WIDEST = 8
const USUAL_WIDTH = 4
const MAX_FILE_BYTES = 64 * 1024 ** 3
const MAX_REPORT_BYTES = 64 * 1024 ** 2

/** Brings the files of a worker here. The manifest says what there is, and what the sandbox lists is compared with it; names
 * are checked, since a sandbox is not trusted; what arrived has the size and the digest of the manifest and no secret in
 * it. Never throws because of the sandbox or the disk: everything that is not as it should be is an event and is named in
 * the result. */
export async function collectArtifacts(options: CollectOptions): Promise<CollectedArtifacts> {
  const { folder, events } = options
  const manifest = await readManifest({ ...options, digest: options.manifestDigest })
  if (manifest === undefined) return { ...nothing(), ...(await quarantineListed(options)) }
  const { wanted, missing, skipped } = await choose(manifest, options)
  const result = { ...nothing(), manifest, skipped }
  const problem = await folderProblem(folder)
  if (problem !== undefined) {
    events.emit('artifact.local_write_failed', { path: 'the folder', class: problem })
    const all = wanted.map(({ path }): MissingFile => ({ path, reason: 'local_write_failed' }))
    return { ...result, missing: [...missing, ...all] }
  }
  const outcomes = await fetchAll(wanted, options)
  const files = outcomes.flatMap(({ file, outcome }) => (outcome === 'kept' ? [file] : []))
  return {
    ...result,
    report: await readReport(files, options),
    files,
    missing: [
      ...missing,
      ...outcomes.flatMap(({ file, outcome }): MissingFile[] =>
        outcome === 'kept' ? [] : [{ path: file.path, reason: outcome }],
      ),
    ],
  }
}

/** Which files of a manifest are fetched; says what is wrong with the others. */
async function choose(manifest: WorkerManifest, options: CollectOptions) {
  const { events, policy = {} } = options
  const entries = await listOutput(options)
  const links = entries === undefined ? new Set<string>() : compareListing(manifest, entries, events)
  const names = new ArtifactNames()
  const wanted: ManifestFile[] = []
  const missing: MissingFile[] = []
  const skipped: { path: string; reason: 'size' | 'kind' }[] = []
  for (const file of manifest.files) {
    const problem = names.add(file.path) ?? (links.has(file.path) ? 'no_file' : undefined)
    const reason = problem === undefined ? skipReason(file, policy) : undefined
    if (problem !== undefined) {
      events.emit('artifact.path_rejected', { class: problem })
      missing.push({ path: printablePath(file.path), reason: 'path_rejected' })
    } else if (reason !== undefined) {
      events.emit('artifact.skipped', { path: file.path, class: reason })
      skipped.push({ path: file.path, reason })
    } else wanted.push(file)
  }
  return { wanted, missing, skipped }
}

function skipReason(file: ManifestFile, { maxFileBytes = MAX_FILE_BYTES, kinds }: ArtifactPolicy) {
  if (kinds !== undefined && !kinds.includes(file.kind)) return 'kind'
  return file.size > maxFileBytes ? 'size' : undefined
}

async function fetchAll(wanted: readonly ManifestFile[], options: CollectOptions) {
  const { folder, signal, searchSecrets, width = USUAL_WIDTH, run: _, job: __, attempt: ___, ...rest } = options
  let isStopped = false
  return await inLanes(wanted, Math.min(WIDEST, Math.max(1, width)), async (file) => {
    if (isStopped || signal.aborted) {
      // What stopped it has its event.
      return { file, outcome: isStopped ? ('local_write_failed' as const) : ('cancelled' as const) }
    }
    const outcome = await fetchArtifact({
      ...rest,
      ...{ signal, path: file.path, size: file.size, sha256: file.sha256 },
      from: `${PLACES.out}/${file.path}`,
      to: join(folder, file.path),
      search: searchSecrets,
    })
    isStopped ||= outcome === 'local_write_failed'
    return { file, outcome }
  })
}

async function readReport(files: readonly CollectedFile[], { folder, events }: CollectOptions): Promise<unknown> {
  const file = files.find(({ kind }) => kind === 'report')
  if (file === undefined) return undefined
  try {
    if (file.size <= MAX_REPORT_BYTES) return JSON.parse(await readFile(join(folder, file.path), 'utf8'))
    events.emit('artifact.manifest_rejected', { class: 'report_too_long' })
  } catch {
    events.emit('artifact.manifest_rejected', { class: 'report_unreadable' })
  }
  return undefined
}

async function folderProblem(folder: string): Promise<string | undefined> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    return undefined
  } catch (error) {
    return errnoOf(error) ?? 'other'
  }
}

function nothing(): Omit<CollectedArtifacts, 'manifest'> & { readonly manifest: undefined } {
  return { manifest: undefined, report: undefined, files: [], missing: [], skipped: [], quarantined: [] }
}
