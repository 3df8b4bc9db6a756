import { CHECK_STEPS, checkConnection, type EndpointCheck } from '../../run/check-connection.js'
import { Workspace } from '../../run/workspace.js'
import { errorLine } from '../output.js'
import type { CommandContext, GlobalOptions } from '../program.js'
import { formatTable } from '../table.js'

/** `airlock check [CONNECTION…]`: every endpoint of each connection, step by step, and how to fix what fails. */
export async function checkCommand(
  context: CommandContext,
  common: GlobalOptions,
  names: readonly string[],
): Promise<void> {
  const { output, signal } = context
  await using workspace = await Workspace.open({ configFile: common.config, debug: common.debug === true })
  output.use(workspace.masker)
  const { config } = workspace
  for (const name of names) config.declaration(name)
  const results: EndpointCheck[] = []
  for (const name of names.length === 0 ? config.connectionNames : names) {
    results.push(...(await checkConnection(workspace, name, signal)))
  }
  const failed = results.find((result) => result.error !== null)?.error
  if (failed === undefined || failed === null) output.result({ connections: results }, formatChecks(results))
  else {
    process.exitCode = failed.exit_code
    output.failedResult({ connections: results }, formatChecks(results), failed)
  }
  for (const { connection, endpoint, error, warnings } of results) {
    const where = endpoint === null ? connection : `${connection} (${endpoint})`
    if (error !== null) output.problem(`${where}: ${errorLine(error)}`)
    for (const warning of warnings) output.problem(`${where}: warning: ${warning}`)
  }
}

function formatChecks(results: readonly EndpointCheck[]): string {
  const rows = results.map(({ connection, endpoint, steps, milliseconds }) => [
    endpoint === null ? connection : `${connection} (${endpoint})`,
    ...CHECK_STEPS.map((step) => steps[step]),
    `${milliseconds} ms`,
  ])
  return formatTable(['connection', ...CHECK_STEPS, 'time'], rows)
}
