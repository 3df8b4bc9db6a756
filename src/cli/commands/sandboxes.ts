import { AirlockError } from '../../errors/index.js'
import { REMOTE_EVENTS } from '../../remote/events.js'
import { costOf, formatUsd, lineOf, type RemoteEvent, type RemoteEventPort, SandboxFault } from '../../remote/index.js'
import { APP, idsOf } from '../../remote/sandbox-metadata.js'
import { sweep } from '../../remote/sweeper.js'
import { openAdapter } from '../../run/remote/open-adapter.js'
import { Workspace } from '../../run/workspace.js'
import { errorLine, type Output } from '../output.js'
import type { CommandContext, GlobalOptions } from '../program.js'
import { formatTable } from '../table.js'

/** `airlock sandboxes list`: those of this deployment, running and paused, with what they cost so far. */
export async function sandboxesListCommand({ output, signal }: CommandContext, common: GlobalOptions): Promise<void> {
  await using workspace = await Workspace.open({ configFile: common.config, debug: common.debug === true })
  output.use(workspace.masker)
  await using adapter = await openAdapter(workspace)
  const { cpu: vcpus, memory_mb: memoryMb } = adapter.settings
  const now = Date.now()
  const found = await adapter.port.list({ app: APP, deployment: adapter.deployment }, signal).catch(refused)
  const sandboxes = found.map(({ id, state, metadata, startedAt }) => {
    const ids = idsOf(metadata)
    const seconds = Math.max(0, Math.round((now - startedAt.getTime()) / 1000))
    return {
      ...{ id, state, run: ids?.run ?? null, job: ids?.job ?? null, attempt: ids?.attempt ?? null },
      started_at: startedAt.toISOString(),
      expires_at: ids?.expires.toISOString() ?? null,
      expired: ids !== undefined && ids.expires.getTime() < now,
      cost_usd: state === 'running' ? Number(costOf({ vcpus, memoryMb }, seconds).toFixed(4)) : 0,
    }
  })
  const rows = sandboxes.map(({ id, state, run, job, started_at, expires_at, expired, cost_usd }) => [
    ...[id, state, run ?? '', job ?? '', started_at],
    `${expires_at ?? ''}${expired ? ' (over)' : ''}`,
    formatUsd(cost_usd),
  ])
  const table = formatTable(['sandbox', 'state', 'run', 'job', 'started', 'until', 'cost'], rows)
  output.result(
    { deployment: adapter.deployment, sandboxes },
    rows.length === 0 ? `deployment ${adapter.deployment} has no sandboxes` : table,
  )
}

/** `airlock sandboxes sweep [--dry-run]`: kills those of this deployment whose time is over. */
export async function sandboxesSweepCommand(
  { output, signal }: CommandContext,
  common: GlobalOptions,
  options: { readonly dryRun?: boolean },
): Promise<void> {
  await using workspace = await Workspace.open({ configFile: common.config, debug: common.debug === true })
  output.use(workspace.masker)
  await using adapter = await openAdapter(workspace)
  const { port, deployment } = adapter
  const told = new ToldToPeople(output)
  const dryRun = options.dryRun === true
  const work = () => sweep({ port, deployment, signal, dryRun, events: told })
  const done = dryRun
    ? await work()
    : await workspace.audited('sandboxes.sweep', { deployment }, work, ({ killed }) => ({ killed }))
  const { expired, killed, kept, left } = done
  const data = { deployment, expired, killed, kept, left, events: told.counts }
  const verb = dryRun ? `${expired.length} to kill, nothing was killed` : `${killed.length} killed`
  const human = `${verb}; ${kept.length} still in their time${left.length > 0 ? `; ${left.length} left for the next sweep` : ''}`
  const problem = told.problem ?? (left.length > 0 ? `${left.length} sandboxes are left` : undefined)
  if (problem === undefined) {
    output.result(data, human)
    return
  }
  const error = new AirlockError('PLATFORM_FAILED', { phase: 'remote', params: { problem } })
  process.exitCode = error.exitCode
  output.failedResult(data, human, error.toJSON())
  output.problem(errorLine(error))
}

/** Says what went wrong as it happens, and counts. */
class ToldToPeople implements RemoteEventPort {
  readonly #output: Output
  readonly #counts = new Map<string, number>()
  #problem: string | undefined

  constructor(output: Output) {
    this.#output = output
  }

  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts)
  }

  /** Why the sweep did not see everything. */
  get problem(): string | undefined {
    return this.#problem
  }

  readonly emit: RemoteEventPort['emit'] = (event, fields = {}) => {
    this.#counts.set(event, (this.#counts.get(event) ?? 0) + 1)
    if (event === 'sandbox.sweep_failed') this.#problem = `${event} (${fields.class})`
    const { severity } = REMOTE_EVENTS[event]
    const line = lineOf({ ts: '', seq: 0, run: '', event, severity, ...fields } satisfies RemoteEvent)
    if (severity === 'info') this.#output.note(line)
    else this.#output.problem(line)
  }
}

function refused(error: unknown): never {
  if (!(error instanceof SandboxFault)) throw error
  throw new AirlockError('PLATFORM_FAILED', { phase: 'remote', params: { problem: `list (${error.faultClass})` } })
}
