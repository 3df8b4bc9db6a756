import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { type ManifestFile, PLACES, PROTOCOL_VERSION, type WorkerManifest, type WorkerSpec } from '../protocol.js'
import { digestFile } from './digest-file.js'
import type { WorkerOutcome } from './worker-context.js'
import type { WorkerPlaces } from './worker-places.js'
import { writeArtifact } from './write-artifact.js'

/** Writes the report, and last of all the manifest with the digest of every file that the job leaves. Resolves with the
 * digest of the manifest. The file of events is not in it: it is still being written, and its frames are numbered. */
export async function leaveArtifacts(
  places: WorkerPlaces,
  { run, job, attempt }: WorkerSpec,
  { status, report }: WorkerOutcome,
): Promise<string> {
  const files: ManifestFile[] = []
  const written = await writeArtifact(places.report, `${JSON.stringify(report)}\n`)
  files.push({ path: PLACES.report, ...written, kind: 'report' })
  for (const path of await filesBelow(places.data)) {
    files.push({ path: relative(places.out, path).replaceAll('\\', '/'), ...(await digestFile(path)), kind: 'data' })
  }
  const manifest: WorkerManifest = {
    v: PROTOCOL_VERSION,
    run,
    job,
    attempt,
    status,
    node: process.versions.node,
    files,
  }
  return (await writeArtifact(places.manifest, `${JSON.stringify(manifest)}\n`)).sha256
}

/** Regular files in the order of their names; a link is none, and what a driver locks its files with is hidden. */
async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const shown = entries.filter(({ name }) => !name.startsWith('.')).sort((a, b) => (a.name < b.name ? -1 : 1))
  const found: string[] = []
  for (const entry of shown) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) found.push(...(await filesBelow(path)))
    else if (entry.isFile()) found.push(path)
  }
  return found
}
