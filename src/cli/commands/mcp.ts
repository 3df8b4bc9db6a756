import { readEnvironment } from '../../config/environment.js'
import { AirlockError } from '../../errors/index.js'
import { allowedEnvironment, isCut, secretNames } from '../../mcp/environment.js'
import { onOrphaned } from '../../mcp/lifeline.js'
import { relaunch } from '../../mcp/relaunch.js'
import type { ServerState } from '../../mcp/server-state.js'
import { errorLine, type PrintableError } from '../output.js'
import type { CommandContext, GlobalOptions } from '../program.js'
import { formatTable } from '../table.js'
import { version } from '../version.js'

export interface McpOptions {
  readonly http?: string
  readonly host?: string
  readonly strict?: boolean
  /** Says that this process was started by itself, with a clean environment. */
  readonly launched?: boolean
}

/** `airlock mcp`: serves agents until the client goes or a signal comes. */
export async function mcpCommand(context: CommandContext, common: GlobalOptions, options: McpOptions): Promise<void> {
  const { variables } = readEnvironment()
  const env = allowedEnvironment(variables)
  if (options.strict === true) refuseSecretNames(variables)
  if (!isCut(variables)) {
    process.exitCode = await relaunch([...ownCommand(), ...process.argv.slice(2), '--launched'], env, context.signal)
    return
  }
  const ended = new AbortController()
  const signal = AbortSignal.any([context.signal, ended.signal])
  if (options.launched === true) onOrphaned(() => ended.abort(new AirlockError('TERMINATED')))
  await withState(context, common, env, signal, async (state) => {
    if (options.http === undefined) {
      const { serveOverStdio } = await import('../../mcp/serve-stdio.js')
      await serveOverStdio(state, signal)
    } else {
      const { serveOverHttp } = await import('../../mcp/serve-http.js')
      const port = portOf(options.http)
      await serveOverHttp(
        state,
        { port, ...(options.host === undefined ? {} : { host: options.host }) },
        signal,
        (at) => context.output.note(`listening on ${at}`),
      )
    }
    // What still runs is for nobody any more.
    ended.abort(new AirlockError('ABORTED'))
  })
  const { aborted, reason } = context.signal
  if (aborted && reason instanceof AirlockError) process.exitCode = reason.exitCode
}

/** `airlock mcp selftest`: what a client would ask first, answered in this process. Exit 1 where an answer is not right. */
export async function mcpSelftestCommand(context: CommandContext, common: GlobalOptions): Promise<void> {
  const { selftest } = await import('../../mcp/selftest.js')
  const env = allowedEnvironment(readEnvironment().variables)
  await withState(context, common, env, context.signal, async (state) => {
    const started = performance.now()
    const steps = await selftest(state)
    const ok = steps.every((step) => step.ok)
    const rows = steps.map(({ step, ok: good, milliseconds }) => [step, good ? 'ok' : 'failed', `${milliseconds} ms`])
    const data = { ok, milliseconds: Math.round(performance.now() - started), steps }
    if (!ok) process.exitCode = 1
    context.output.result(data, formatTable(['step', 'result', 'time'], rows))
  })
}

async function withState(
  context: CommandContext,
  common: GlobalOptions,
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
  work: (state: ServerState) => Promise<void>,
): Promise<void> {
  // Loaded here: a process that only starts another one needs none of it.
  const { loadPolicy } = await import('../../mcp/load-policy.js')
  const { ServerState } = await import('../../mcp/server-state.js')
  const from = { command: ownCommand(), env, cwd: process.cwd() }
  const policy = await loadPolicy({ ...from, config: common.config }, signal)
  if ('ok' in policy) {
    // The child has said it in words that are for the operator.
    const error = policy.error as unknown as PrintableError & { readonly exit_code?: number }
    process.exitCode = error.exit_code ?? 1
    if (context.output.settings.json) context.output.failedResult(null, '', error)
    else context.output.problem(errorLine(error))
    return
  }
  await using state = await ServerState.open({ ...from, policy, version: version(), signal })
  await work(state)
}

/** How this process was started, but for what follows the name of the program. */
function ownCommand(): [program: string, ...args: string[]] {
  const flags = process.execArgv.filter((flag) => !/^--(?:inspect|debug|eval|print|cpu-prof|heap-prof)/.test(flag))
  return [process.execPath, ...flags, process.argv[1]!]
}

function refuseSecretNames(variables: Readonly<Record<string, string | undefined>>): void {
  const names = secretNames(variables)
  if (names.length === 0) return
  throw new AirlockError('ENVIRONMENT_NOT_CLEAN', {
    phase: 'config',
    params: { problem: names.slice(0, 5).join(', ') },
  })
}

function portOf(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text)
  throw new AirlockError('USAGE', { phase: 'config', params: { problem: '--http is a port from 0 to 65535' } })
}
