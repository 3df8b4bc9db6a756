import { join } from 'node:path'
import { placeTableFile } from '../../drivers/files/index.js'
import { AirlockError } from '../../errors/index.js'
import { PLACES, type RemoteResult, type RemoteRun } from '../../remote/index.js'
import type { JobConnection } from '../jobs/job.js'

/** Puts the files that a job has made into the folder of its target: only when all of them have arrived. Gives whether
 * everything is where it belongs; a target that is no folder of files has nothing to place. */
export async function placeOutputs(
  target: JobConnection,
  run: RemoteRun,
  { files, missing, folder }: RemoteResult,
  signal: AbortSignal,
): Promise<boolean> {
  if (target.driver !== 'files') return true
  if (missing.length > 0) return false
  for (const { path, kind } of files) {
    if (kind !== 'data') continue
    const place = path.slice(`${PLACES.data}/`.length)
    try {
      await placeTableFile(target.settings, place, join(folder, path), signal)
    } catch (error) {
      if (!(error instanceof AirlockError)) run.tell('artifact.local_write_failed', { path, class: 'target' })
      else run.tell('artifact.path_rejected', { class: error.code })
      return false
    }
  }
  return true
}
