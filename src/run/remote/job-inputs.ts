import type { PipelineStream } from '../../config/pipeline.js'
import { fileOfTable } from '../../drivers/files/index.js'
import { AirlockError } from '../../errors/index.js'
import type { InputFile } from '../../remote/index.js'
import type { JobConnection } from '../jobs/job.js'

/** Files are sent whole, out of memory. */
const LIMIT_BYTES = 256 * 1024 * 1024

/** The files that streams read, for the sandbox; none where the source is no folder of files. Throws TABLE_NOT_FOUND and
 * FILE_REFUSED as reading them here would, UNSUPPORTED for files that are too big to be sent. */
export async function inputsOf(
  source: JobConnection,
  streams: readonly PipelineStream[],
): Promise<readonly InputFile[]> {
  if (source.driver !== 'files') return []
  const inputs = new Map<string, InputFile>()
  let total = 0
  for (const { table } of streams) {
    if (table === undefined) continue
    const file = await fileOfTable(source.settings, table)
    if (inputs.has(file.path)) continue
    total += file.bytes
    if (total > LIMIT_BYTES) {
      const problem = `the files of ${source.name} have more than ${LIMIT_BYTES} bytes; run this without --remote`
      throw new AirlockError('UNSUPPORTED', { phase: 'remote', params: { problem } })
    }
    inputs.set(file.path, { path: file.path, data: await file.read() })
  }
  return [...inputs.values()]
}
