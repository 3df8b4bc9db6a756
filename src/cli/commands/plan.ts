import { loadPipeline } from '../../config/load-pipeline.js'
import { formatType } from '../../core/column-type.js'
import { planPipeline } from '../../run/local-runner.js'
import type { StreamPlan } from '../../run/stream-plan.js'
import { Workspace } from '../../run/workspace.js'
import type { Output } from '../output.js'
import type { CommandContext, GlobalOptions } from '../program.js'
import { formatCount, formatTable } from '../table.js'

/** `airlock plan PIPELINE.yaml` */
export async function planCommand(
  context: CommandContext,
  common: GlobalOptions,
  file: string,
  options: { readonly streams?: readonly string[] },
): Promise<void> {
  const { output, signal } = context
  await using workspace = await Workspace.open({ configFile: common.config, debug: common.debug === true })
  output.use(workspace.masker)
  const pipeline = await loadPipeline(file, workspace.config)
  const plans = await planPipeline(workspace, pipeline, {
    signal,
    ...(options.streams === undefined ? {} : { streams: options.streams }),
  })
  output.result(
    { pipeline: pipeline.name, streams: plans.map(planData) },
    plans.map((plan) => formatPlan(plan, output)).join('\n\n'),
  )
}

/** A plan as people read it: where rows go, as what, behind which mask. */
export function formatPlan(plan: StreamPlan, output: Output): string {
  const { stream, outline } = plan
  const rows = plan.columns.map((column) => {
    const mask = stream.mask[column.name]
    return [
      column.name,
      column.sourceType,
      formatType(column.type),
      outline.columnTypes[column.name] ?? '',
      mask === undefined ? '' : typeof mask === 'string' ? mask : mask.rule,
    ]
  })
  const estimate = plan.estimatedRows === undefined ? '' : `, about ${formatCount(plan.estimatedRows)} rows`
  return [
    output.bold(`${stream.name} → ${stream.targetTable}`) +
      ` (${plan.write.mode}, ${outline.targetExists ? 'existing' : 'new'} table${estimate})`,
    formatTable(['column', 'source', 'type', 'target', 'mask'], rows),
    ...outline.notes.map((note) => `  - ${note}`),
    output.dim(`  reads:  ${plan.statement}`),
    ...outline.statements.map((statement) => output.dim(`  writes: ${statement.replaceAll('\n', ' ')}`)),
  ].join('\n')
}

function planData(plan: StreamPlan): unknown {
  return {
    stream: plan.stream.name,
    target_table: plan.stream.targetTable,
    mode: plan.write.mode,
    target_exists: plan.outline.targetExists,
    estimated_rows: plan.estimatedRows ?? null,
    reads: plan.statement,
    writes: plan.outline.statements,
    notes: plan.outline.notes,
    policies: plan.stream.policies,
    columns: plan.columns.map((column) => ({
      name: column.name,
      source_type: column.sourceType,
      type: formatType(column.type),
      target_type: plan.outline.columnTypes[column.name] ?? null,
      nullable: column.nullable,
      key_position: column.keyPosition,
      mask: plan.stream.mask[column.name] ?? null,
    })),
  }
}
