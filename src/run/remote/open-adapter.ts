import { deploymentId } from '../../remote/deployment-id.js'
import { E2BAdapter, type E2BAdapterOptions } from '../../remote/index.js'
import type { Workspace } from '../workspace.js'

/** The platform of sandboxes that the configuration names; the caller closes it. Throws CONFIG_INVALID where it names none,
 * or where the environment would change what its client library does. */
export async function openAdapter(
  workspace: Workspace,
  further: Pick<E2BAdapterOptions, 'bundle' | 'times' | 'createWaitMs' | 'limits'> = {},
): Promise<E2BAdapter> {
  const settings = await workspace.remoteSettings()
  const deployment = settings.deployment ?? (await deploymentId(workspace.config.home))
  return new E2BAdapter({ settings, deployment, variables: workspace.variables, ...further })
}
