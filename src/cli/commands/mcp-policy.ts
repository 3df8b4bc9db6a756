import { basename, dirname, resolve } from 'node:path'
import type { Config } from '../../config/config.js'
import { AirlockError } from '../../errors/index.js'
import type { ServerPolicy } from '../../mcp/policy.js'
import { Workspace } from '../../run/workspace.js'
import type { CommandContext, GlobalOptions } from '../program.js'
import { formatTable } from '../table.js'

/** `airlock mcp policy`: what agents may see and how much of it. The server asks this of a child, so that it need not read
 * the configuration, and no secret is resolved for it. */
export async function mcpPolicyCommand({ output }: CommandContext, common: GlobalOptions): Promise<void> {
  await using workspace = await Workspace.open({ configFile: common.config, debug: common.debug === true })
  output.use(workspace.masker)
  const policy = policyOf(workspace.config)
  const rows = policy.connections.map(({ name, driver, masked }) => [name, driver, masked.join(', ')])
  output.result(policy, formatTable(['connection', 'driver', 'masked'], rows))
}

/** Throws CONNECTION_UNKNOWN for a connection of `mcp.connections` that does not exist, CONFIG_INVALID for two pipelines
 * of one name. */
function policyOf(config: Config): ServerPolicy {
  const { connections, pipelines, http, ...limits } = config.mcp
  const folder = dirname(config.path)
  const files = pipelines.map((file) => ({ name: nameOf(file), file: resolve(folder, file) }))
  const twice = files.find(({ name }, at) => files.findIndex((other) => other.name === name) !== at)
  if (twice !== undefined) {
    const params = { at: 'mcp.pipelines', problem: 'two files have the same name' }
    throw new AirlockError('CONFIG_INVALID', { phase: 'config', params })
  }
  return {
    config: config.path,
    home: config.home,
    audit: config.audit.enabled,
    telemetry: config.telemetry.enabled,
    memory: config.memory.enabled,
    connections: (connections ?? config.connectionNames).map((name) => ({
      name,
      driver: config.declaration(name).driver,
      masked: Object.keys(config.queryMasks(name)),
    })),
    pipelines: files,
    limits: {
      ...limits,
      http: { ...http, ...(http.verifier === undefined ? {} : { verifier: resolve(folder, http.verifier) }) },
    },
  }
}

/** `flows/nightly.yaml` is `nightly`. */
function nameOf(file: string): string {
  return basename(file).replace(/\.ya?ml$/, '')
}
