import { join } from 'node:path'
import { ArtifactNames, printablePath } from './artifact-path.js'
import type { CollectOptions, MissingFile } from './collect-artifacts.js'
import { fetchArtifact } from './fetch-artifact.js'
import { listOutput } from './list-output.js'
import { PLACES } from './protocol.js'

/** For a person who wants to know what happened, not for a machine to go on with. */
const MOST_FILES = 50
const MOST_BYTES = 64 * 1024 * 1024

/** Without a manifest nothing proves what a file is. What is listed is brought to a folder of its own, as far as it is
 * little, and all of it is missing. */
export async function quarantineListed(
  options: CollectOptions,
): Promise<{ readonly missing: readonly MissingFile[]; readonly quarantined: readonly string[] }> {
  const { folder, searchSecrets, events, run: _, job: __, attempt: ___, ...rest } = options
  const entries = (await listOutput(options)) ?? []
  const names = new ArtifactNames()
  const missing: MissingFile[] = []
  const quarantined: string[] = []
  let room = MOST_BYTES
  for (const { path, kind, size } of entries) {
    const problem = names.add(path) ?? (kind === 'file' ? undefined : 'no_file')
    missing.push({ path: printablePath(path), reason: problem === undefined ? 'no_manifest' : 'path_rejected' })
    if (problem !== undefined) events.emit('artifact.path_rejected', { class: problem })
    else if (missing.length > MOST_FILES || size > room || size < 0)
      events.emit('artifact.skipped', { path, class: 'size' })
    else {
      room -= size
      const outcome = await fetchArtifact({
        ...rest,
        ...{ events, path, size, sha256: undefined },
        from: `${PLACES.out}/${path}`,
        to: join(folder, 'quarantine', path),
        search: searchSecrets,
      })
      if (outcome === 'kept') quarantined.push(path)
    }
  }
  return { missing, quarantined }
}
