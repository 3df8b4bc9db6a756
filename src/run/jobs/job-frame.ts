import type { Pipeline } from '../../config/pipeline.js'
import type { RunOptions } from '../local-runner.js'
import type { Workspace } from '../workspace.js'
import type { JobConnection, JobFrame } from './job.js'

/** What all jobs of a run have in common. Throws what resolving the mask key throws. */
export async function frameOf(
  { config }: Workspace,
  pipeline: Pipeline,
  run: string,
  { verify = 'count', retries = 2, fullRefresh = false }: RunOptions,
  ends: { readonly source: JobConnection; readonly target: JobConnection },
): Promise<JobFrame> {
  const maskKey = await config.maskKey()
  return {
    ...{ run, pipeline: pipeline.name, ...ends, verify, retries, fullRefresh },
    maskKey: maskKey === undefined ? undefined : Buffer.from(maskKey.reveal()).toString('base64'),
    denyUnmasked: config.denyUnmasked,
  }
}

/** What all threads of a run have in common: connections as the configuration has them, files of this machine included.
 * Throws what resolving secrets throws. */
export async function frameHere(
  workspace: Workspace,
  pipeline: Pipeline,
  run: string,
  options: RunOptions,
): Promise<JobFrame> {
  const connection = async (name: string): Promise<JobConnection> => {
    const { driver, settings } = await workspace.config.connection(name)
    return { name, driver, settings }
  }
  const ends = { source: await connection(pipeline.source), target: await connection(pipeline.target) }
  return await frameOf(workspace, pipeline, run, options, ends)
}
