import { randomBytes } from 'node:crypto'
import type { Variables } from '../../config/environment.js'
import { loadPipeline } from '../../config/load-pipeline.js'
import { atServer } from '../../demo/at-server.js'
import { DEMO_VARIABLES, DemoFolder } from '../../demo/demo-folder.js'
import { type DemoDatabase, DemoServers } from '../../demo/demo-servers.js'
import { filesText, labelled, nextText, outcomeText, planText, serversText } from '../../demo/demo-text.js'
import { readSamples } from '../../demo/samples.js'
import { seedShop } from '../../demo/seed-shop.js'
import { sessionsLeft } from '../../demo/sessions-left.js'
import { type ShopTable, shopTables } from '../../demo/shop-tables.js'
import { StatusLine } from '../../demo/status-line.js'
import { AirlockError, type ExitCode } from '../../errors/index.js'
import { planPipeline, runPipeline } from '../../run/local-runner.js'
import type { RunReport } from '../../run/report.js'
import { Workspace } from '../../run/workspace.js'
import { AuditLog } from '../../sinks/index.js'
import type { CommandContext, GlobalOptions } from '../program.js'
import { ProgressLine } from '../progress-line.js'

const MOST_ROWS = 10_000_000

export interface DemoCommandOptions {
  readonly rows: string
  readonly keep?: boolean
}

/** `airlock demo`: the main job on servers of its own, from MySQL (or else Postgres) to Postgres. Whatever it started or
 * created is gone when it ends, however it ends. Throws USAGE for the number of rows, ENGINE_MISSING without Postgres. */
export async function demoCommand(
  context: CommandContext,
  common: GlobalOptions,
  options: DemoCommandOptions,
): Promise<void> {
  const tables = shopTables(rowsOf(options.rows))
  const { output, signal } = context
  await using servers = await start(context, common)
  output.note(serversText(servers, output))
  const source = await servers.createDatabase('source', 'shop')
  const target = await servers.createDatabase('target', 'warehouse')
  await seed(context, common, source, tables)
  await using folder = await DemoFolder.create(source, target, options.keep === true)
  output.note(filesText(folder, output))
  // The secrets of the demo exist in memory only. Nothing of this process's own environment reaches its configuration.
  const env = {
    [DEMO_VARIABLES.sourcePassword]: source.database.password,
    [DEMO_VARIABLES.targetPassword]: target.database.password,
    [DEMO_VARIABLES.maskKey]: randomBytes(32).toString('base64url'),
  }
  const report = await planAndRun(context, common, folder, env)
  signal.throwIfAborted()
  const outcome = {
    report,
    samples: report.status === 'ok' ? await atServer('postgres', readSamples(tables, target.database)) : [],
    audit: await AuditLog.verify(folder.auditDir),
    connectionsLeft: await sessionsLeft([source, target]),
    servers: servers.engines.length,
  }
  process.exitCode = exitCodeOf(outcome)
  const data = {
    servers: servers.engines.map(({ version, origin }) => ({ version, origin })),
    report,
    audit: { ok: outcome.audit.ok, records: outcome.audit.records },
    connections_left: outcome.connectionsLeft,
    folder: options.keep === true ? folder.path : null,
  }
  const failed = report.streams.find((stream) => stream.error !== null)?.error
  if (failed === undefined || failed === null) output.result(data, outcomeText(outcome, output))
  else output.failedResult(data, outcomeText(outcome, output), failed)
  output.note(nextText(options.keep === true ? folder.path : undefined, output))
}

async function start({ output, signal }: CommandContext, common: GlobalOptions): Promise<DemoServers> {
  using status = new StatusLine(output, common.progress)
  status.show('starting two database servers …')
  return await DemoServers.start(signal)
}

async function seed(
  { output, signal }: CommandContext,
  common: GlobalOptions,
  { engine, database }: DemoDatabase,
  tables: readonly ShopTable[],
): Promise<void> {
  const started = performance.now()
  const seconds = () => (performance.now() - started) / 1000
  const total = tables.reduce((sum, table) => sum + table.rows, 0)
  {
    using status = new StatusLine(output, common.progress)
    const filling = seedShop(database, engine.engine, tables, signal, (rows) =>
      status.show(`making up a shop: ${rows.toLocaleString('en')} of ${total.toLocaleString('en')} rows`),
    )
    await atServer(engine.engine, filling)
  }
  const names = tables.map((table) => table.name).join(', ')
  const line = `${total.toLocaleString('en')} made-up rows (${names}) in ${seconds().toFixed(1)} s`
  output.note(labelled('Shop', line, output))
}

async function planAndRun(
  context: CommandContext,
  common: GlobalOptions,
  folder: DemoFolder,
  env: Variables,
): Promise<RunReport> {
  const { output, signal } = context
  await using workspace = await Workspace.open({ configFile: folder.configFile, env, debug: common.debug === true })
  output.use(workspace.masker)
  const pipeline = await loadPipeline(folder.pipelineFile, workspace.config)
  output.note(planText(await planPipeline(workspace, pipeline, { signal }), output))
  const progress = new ProgressLine(output, common.progress)
  return await runPipeline(workspace, pipeline, {
    signal,
    onProgress: (now) => progress.update(now),
    onStream: (done) => progress.finish(done),
  })
}

function exitCodeOf(outcome: {
  readonly report: RunReport
  readonly audit: { readonly ok: boolean }
  readonly connectionsLeft: number
}): ExitCode {
  if (outcome.report.exit_code !== 0) return outcome.report.exit_code
  if (!outcome.audit.ok) return 7
  return outcome.connectionsLeft === 0 ? 0 : 1
}

function rowsOf(text: string): number {
  const rows = /^\d{1,8}$/.test(text) ? Number(text) : 0
  if (rows >= 1 && rows <= MOST_ROWS) return rows
  throw new AirlockError('USAGE', { phase: 'config', params: { problem: '--rows is a number from 1 to 10000000' } })
}
