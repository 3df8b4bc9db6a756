import { deploymentId } from '../../remote/deployment-id.js'
import { REMOTE_EVENTS, type RemoteEventName } from '../../remote/events.js'
import { E2BAdapter, type E2BAdapterOptions } from '../../remote/index.js'
import type { Workspace } from '../workspace.js'

/** The platform of sandboxes that the configuration names; the caller closes it. Throws CONFIG_INVALID where it names none,
 * or where the environment would change what its client library does. */
export async function openAdapter(
  workspace: Workspace,
  further: Pick<E2BAdapterOptions, 'bundle' | 'times' | 'createWaitMs' | 'limits'> = {},
): Promise<E2BAdapter> {
  try {
    const settings = await workspace.remoteSettings()
    const deployment = settings.deployment ?? (await deploymentId(workspace.config.home))
    return new E2BAdapter({ settings, deployment, variables: workspace.variables(), ...further })
  } catch (error) {
    // There is no run yet whose file could have it.
    const { code } = workspace.masker.error(error, { phase: 'config' })
    const event: RemoteEventName = 'remote.config_rejected'
    workspace.telemetry.emit('remote.reported', { event, severity: REMOTE_EVENTS[event].severity, class: code })
    throw error
  }
}
