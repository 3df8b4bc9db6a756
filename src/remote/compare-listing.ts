import { pathProblem } from './artifact-path.js'
import type { RemoteEventPort } from './events.js'
import type { WorkerManifest } from './protocol.js'
import type { RemoteEntry } from './sandbox-port.js'

/** More than these are counted, not named: a sandbox may list without end. */
const NAMED = 50

/** Says where a manifest and a listing differ. Returns the paths of the manifest that are links or no files at all. A file
 * that is not listed may be there all the same; one that is not in the manifest stays where it is. */
export function compareListing(
  manifest: WorkerManifest,
  entries: readonly RemoteEntry[],
  events: RemoteEventPort,
): ReadonlySet<string> {
  const listed = new Map(entries.map((entry) => [entry.path, entry]))
  const known = new Set(manifest.files.map(({ path }) => path))
  for (const path of known) {
    if (!listed.has(path) && pathProblem(path) === undefined) events.emit('artifact.not_listed', { path })
  }
  const others = entries.filter(({ path }) => !known.has(path))
  for (const { path } of others.slice(0, NAMED)) {
    const problem = pathProblem(path)
    if (problem === undefined) events.emit('artifact.unmanifested', { path })
    else events.emit('artifact.path_rejected', { class: problem })
  }
  const rest = others.length - NAMED
  if (rest > 0) events.emit('artifact.unmanifested', { path: `and ${rest} more`, count: rest })
  return new Set([...known].filter((path) => listed.get(path)?.kind === 'other'))
}
