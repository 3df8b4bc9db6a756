import { AirlockError } from '../../errors/index.js'
import type { ServerState } from '../server-state.js'

/** Throws AGENT_REFUSED for a connection that agents may not see, whether there is one of that name or not. */
export function requireConnection({ policy }: ServerState, name: string): void {
  if (policy.connections.some((one) => one.name === name)) return
  throw refused('the connection is not among those that agents may see')
}

/** The file of a pipeline. Throws AGENT_REFUSED for one that agents may not see. */
export function pipelineFile({ policy }: ServerState, name: string): string {
  const found = policy.pipelines.find((one) => one.name === name)
  if (found === undefined) throw refused('the pipeline is not among those that agents may see')
  return found.file
}

function refused(problem: string): AirlockError {
  return new AirlockError('AGENT_REFUSED', { phase: 'run', params: { problem } })
}
