import { AirlockError } from '../errors/index.js'
import type { Secret } from '../masking/secret.js'

/** Where a platform that speaks E2B's protocol is, and the key for it. */
export interface E2BConnection {
  readonly apiKey: Secret<string>
  /** `e2b.app`, or that of a self-hosted platform. */
  readonly domain: string
  /** In place of `https://api.<domain>`. */
  readonly apiUrl?: string | undefined
  /** One base for all sandboxes, in place of a host name for each. */
  readonly sandboxUrl?: string | undefined
}

/** What the client library is bound to. Everything that it would otherwise look up in the environment is given. */
export interface ClientOptions {
  readonly apiKey: string
  readonly domain: string
  readonly apiUrl: string
  readonly sandboxUrl?: string
  readonly debug: false
  readonly retries: 0
  readonly requestTimeoutMs: number
  readonly logger: object
}

/** Variables of the environment that would make the client library do something else than it is told. `E2B_DEBUG` makes
 * create and kill do nothing and report success; `E2B_SANDBOX_URL` sends the traffic of sandboxes elsewhere where the
 * configuration does not say where it goes. */
export function environmentProblem(
  connection: Pick<E2BConnection, 'sandboxUrl'>,
  variables: Readonly<Record<string, string | undefined>>,
): string | undefined {
  if ((variables['E2B_DEBUG'] ?? '') !== '') return 'E2B_DEBUG is set'
  if (connection.sandboxUrl === undefined && (variables['E2B_SANDBOX_URL'] ?? '') !== '') {
    return 'E2B_SANDBOX_URL is set, and `sandbox_url` is not'
  }
  return undefined
}

/** The options of the client library for a connection. Throws CONFIG_INVALID where the environment contradicts them. */
export function clientOptions(
  connection: E2BConnection,
  variables: Readonly<Record<string, string | undefined>>,
  requestTimeoutMs: number,
): ClientOptions {
  const problem = environmentProblem(connection, variables)
  if (problem !== undefined) {
    throw new AirlockError('CONFIG_INVALID', { phase: 'config', params: { at: 'the environment', problem } })
  }
  return {
    apiKey: connection.apiKey.reveal(),
    domain: connection.domain,
    apiUrl: connection.apiUrl ?? `https://api.${connection.domain}`,
    ...(connection.sandboxUrl === undefined ? {} : { sandboxUrl: connection.sandboxUrl }),
    debug: false,
    // Each repetition is an event, so none of them may happen unseen.
    retries: 0,
    requestTimeoutMs,
    // Without one it writes to the console when another variable is set.
    logger: {},
  }
}
