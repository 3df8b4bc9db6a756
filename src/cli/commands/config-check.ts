import { Workspace } from '../../run/workspace.js'
import type { CommandContext, GlobalOptions } from '../program.js'

/** `airlock config check`: the file, its references, and the URL of each connection; nothing is connected. */
export async function configCheckCommand(
  context: CommandContext,
  common: GlobalOptions,
  options: { readonly offline?: boolean },
): Promise<void> {
  await using workspace = await Workspace.open({ configFile: common.config, debug: common.debug === true })
  const { output } = context
  output.use(workspace.masker)
  const { config } = workspace
  if (options.offline !== true) {
    for (const name of config.connectionNames) await config.connection(name)
    await config.maskKey()
  }
  const connections = config.connectionNames.map((name) => ({ name, driver: config.declaration(name).driver }))
  const lines = connections.map(({ name, driver }) => `  ${name}: ${driver}`)
  output.result(
    { connections },
    [`The configuration is valid: ${connections.length} connections.`, ...lines].join('\n'),
  )
}
