import type { PipelineStream } from '../../config/pipeline.js'
import { AirlockError } from '../../errors/index.js'
import type { Job, JobConnection } from './job.js'

/** A job whose folders of files are those of this machine: a source reads what was sent along, a target writes what will
 * be fetched. Throws UNSUPPORTED for an append to a file, which would have to be here already. */
export function placeFiles<J extends Job>(job: J, folders: { readonly inputs: string; readonly data: string }): J {
  if (job.target.driver === 'files' && streamsOf(job).some(({ mode }) => mode === 'append')) {
    const problem = 'an append to a file cannot be done in a sandbox; use mode replace, or run it without --remote'
    throw new AirlockError('UNSUPPORTED', { phase: 'remote', params: { problem } })
  }
  return { ...job, source: rooted(job.source, folders.inputs), target: rooted(job.target, folders.data) }
}

/** The streams that a job is about. */
export function streamsOf(job: Job): readonly PipelineStream[] {
  return job.kind === 'streams' ? job.streams : [job.stream]
}

function rooted(connection: JobConnection, root: string): JobConnection {
  return connection.driver === 'files' ? { ...connection, settings: { ...connection.settings, root } } : connection
}
