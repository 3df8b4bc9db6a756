import type { ServerPolicy } from '../policy.js'
import type { ToolSpec } from '../tool.js'
import { connectionsCheck } from './connections-check.js'
import { connectionsList } from './connections-list.js'
import { discoveryRequest } from './discovery-request.js'
import { memoryCapture } from './memory-capture.js'
import { pipelinePlan } from './pipeline-plan.js'
import { pipelineRun } from './pipeline-run.js'
import { queryExplain } from './query-explain.js'
import { queryReadonly } from './query-readonly.js'
import { runsList } from './runs-list.js'
import { schemaGet } from './schema-get.js'

/** The tools that the operator allows; ten at most. What is not allowed is not offered. */
export function allTools({ memory, limits }: ServerPolicy): readonly ToolSpec[] {
  return [
    connectionsList,
    connectionsCheck,
    discoveryRequest,
    schemaGet,
    queryReadonly,
    queryExplain,
    pipelinePlan,
    ...(limits.pipeline_run ? [pipelineRun] : []),
    runsList,
    ...(memory ? [memoryCapture] : []),
  ]
}
