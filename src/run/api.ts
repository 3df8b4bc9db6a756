import { loadPipeline } from '../config/load-pipeline.js'
import type { Pipeline, PipelineStream } from '../config/pipeline.js'
import type { SchemaContract, WriteMode, WriteStrategy } from '../core/driver.js'
import type { MaskChoices } from '../core/mask-batches.js'
import { planPipeline, type RunOptions, runPipeline } from './local-runner.js'
import type { RunReport } from './report.js'
import type { StreamPlan } from './stream-plan.js'
import { type StreamComparison, type VerifyOptions, verifyPipeline } from './verify-pipeline.js'
import { Workspace, type WorkspaceOptions } from './workspace.js'

/** What `run` and `plan` take beside the pipeline file. */
export interface PipelineOptions extends RunOptions, WorkspaceOptions {}

/** Runs a pipeline file and resolves with its report, whatever happened to its streams: look at `status`. Throws the
 * codes with exit 2 for what is wrong with the files, AUDIT_UNAVAILABLE where nothing may run unrecorded. */
export async function run(pipelineFile: string, options: PipelineOptions = {}): Promise<RunReport> {
  await using workspace = await Workspace.open(options)
  return await runPipeline(workspace, await loadPipeline(pipelineFile, workspace.config), options)
}

/** Works out what `run` would do: statements, types, masks. Reads catalogues, no rows, and writes nothing. */
export async function plan(pipelineFile: string, options: PipelineOptions = {}): Promise<readonly StreamPlan[]> {
  await using workspace = await Workspace.open(options)
  return await planPipeline(workspace, await loadPipeline(pipelineFile, workspace.config), options)
}

/** What `verify` takes beside the pipeline file. */
export interface VerifyPipelineOptions extends VerifyOptions, WorkspaceOptions {}

/** Compares both ends of every stream, rows and contents; reads only. Resolves with a comparison for each stream: look at
 * `status`. Throws as `run` does. */
export async function verify(
  pipelineFile: string,
  options: VerifyPipelineOptions = {},
): Promise<readonly StreamComparison[]> {
  await using workspace = await Workspace.open(options)
  return await verifyPipeline(workspace, await loadPipeline(pipelineFile, workspace.config), options)
}

/** One table, moved without a pipeline file. `source` and `target` are connections of airlock.yaml. */
export interface CopyRequest {
  readonly source: string
  readonly sourceTable: string
  readonly target: string
  /** The source table's name where left out. */
  readonly targetTable?: string
  /** `append` where left out. */
  readonly mode?: WriteMode
  /** Key of a table that has to be created; the source's primary key where left out. */
  readonly primaryKey?: readonly string[]
  /** How the mode does it; the target driver's first where left out. */
  readonly strategy?: WriteStrategy
  /** Column that grows with every change: only what is new is read. */
  readonly cursor?: string
  /** Only rows whose cursor lies in [from, to). */
  readonly window?: { readonly from?: string; readonly to?: string }
  readonly contract?: SchemaContract
  readonly select?: readonly string[]
  readonly where?: string
  readonly mask?: MaskChoices
  readonly policies?: Readonly<Record<string, string>>
}

/** Moves one table and resolves with the report of that run. Throws as `run` does. */
export async function copy(request: CopyRequest, options: PipelineOptions = {}): Promise<RunReport> {
  await using workspace = await Workspace.open(options)
  return await runPipeline(workspace, pipelineOfCopy(request), options)
}

/** A copy as a pipeline of one stream. */
export function pipelineOfCopy(request: CopyRequest): Pipeline {
  const { source, target, sourceTable, select, where, strategy, cursor, window, contract } = request
  const stream: PipelineStream = {
    name: sourceTable,
    table: sourceTable,
    targetTable: request.targetTable ?? sourceTable,
    mode: request.mode ?? 'append',
    primaryKey: request.primaryKey ?? [],
    ...(strategy === undefined ? {} : { strategy }),
    ...(cursor === undefined ? {} : { cursor }),
    ...(window === undefined ? {} : { window }),
    ...(contract === undefined ? {} : { contract }),
    ...(select === undefined ? {} : { select }),
    ...(where === undefined ? {} : { where }),
    mask: request.mask ?? {},
    policies: request.policies ?? {},
    disabled: false,
  }
  return { name: 'copy', source, target, streams: [stream] }
}
