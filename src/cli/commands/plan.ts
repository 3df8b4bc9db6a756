import { loadPipeline } from '../../config/load-pipeline.js'
import { formatType } from '../../core/column-type.js'
import { planPipeline } from '../../run/local-runner.js'
import { withOverrides } from '../../run/overrides.js'
import { planDigest } from '../../run/plan-digest.js'
import type { StreamPlan } from '../../run/stream-plan.js'
import { Workspace } from '../../run/workspace.js'
import type { Output } from '../output.js'
import type { CommandContext, GlobalOptions } from '../program.js'
import { overridesOf, type StreamOptions } from '../stream-options.js'
import { formatCount, formatTable } from '../table.js'

export interface PlanCommandOptions extends Partial<StreamOptions> {
  readonly streams?: readonly string[]
  readonly fullRefresh?: boolean
}

/** `airlock plan PIPELINE.yaml` */
export async function planCommand(
  context: CommandContext,
  common: GlobalOptions,
  file: string,
  options: PlanCommandOptions,
): Promise<void> {
  const { output, signal } = context
  await using workspace = await Workspace.open({ configFile: common.config, debug: common.debug === true })
  output.use(workspace.masker)
  const written = await loadPipeline(file, workspace.config)
  const pipeline = withOverrides(written, overridesOf({ primaryKey: [], ...options }), options.streams)
  const plans = await planPipeline(workspace, pipeline, {
    signal,
    fullRefresh: options.fullRefresh === true,
    ...(options.streams === undefined ? {} : { streams: options.streams }),
  })
  output.result(
    { pipeline: pipeline.name, streams: plans.map(planData) },
    plans.map((plan) => formatPlan(plan, output)).join('\n\n'),
    { plan: planDigest(pipeline, workspace.config) },
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
      ` (${modeOf(plan)}, ${outline.targetExists ? 'existing' : 'new'} table${estimate})`,
    formatTable(['column', 'source', 'type', 'target', 'mask'], rows),
    ...[...outline.notes, ...plan.notes].map((note) => `  - ${note}`),
    ...(outline.drift ?? []).map((drift) => `  ! ${drift}`),
    ...stateLines(plan),
    output.dim(`  reads:  ${plan.statement}`),
    ...outline.statements.map((statement) => output.dim(`  writes: ${statement.replaceAll('\n', ' ')}`)),
  ].join('\n')
}

function modeOf({ write }: StreamPlan): string {
  return write.strategy === undefined ? write.mode : `${write.mode} ${write.strategy}`
}

/** From where an incremental stream goes on, and what part of the table a window takes. */
function stateLines({ request, incremental }: StreamPlan): readonly string[] {
  const { range } = request
  const window = range && `  window: ${range.from ?? '…'} ≤ ${range.column} < ${range.to ?? '…'}`
  const from = incremental?.start.from
  const state =
    incremental && `  state:  ${incremental.start.column} from ${from ?? 'the beginning'} (${incremental.place})`
  return [window, state].filter((line) => line !== undefined)
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
    strategy: plan.write.strategy ?? null,
    notes: [...plan.outline.notes, ...plan.notes],
    drift: plan.outline.drift ?? [],
    window: plan.request.range ?? null,
    state:
      plan.incremental === undefined
        ? null
        : {
            cursor: plan.incremental.start.column,
            kept_in: plan.incremental.place,
            from: plan.incremental.start.from ?? null,
            lag: plan.incremental.start.lag ?? null,
          },
    ranges:
      plan.resume === undefined
        ? null
        : {
            key: plan.resume.ledger.column,
            total: plan.resume.ledger.bounds.length + 1,
            skipped: plan.resume.ledger.finished.length,
            bounds: plan.resume.ledger.bounds,
          },
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
