import type { Endpoint } from '../../core/driver.js'
import { AirlockError } from '../../errors/index.js'
import type { EndpointKind, SupabaseConfig } from './config.js'

/** One way to the database, with the login that belongs to it. */
export interface SupabaseEndpoint {
  readonly kind: EndpointKind
  readonly host: string
  readonly port: number
  readonly user: string
}

/** Where a `url` leads, after it was taken apart. */
interface UrlAddress {
  readonly host?: string
  readonly port?: number
  readonly socket_path?: string
}

const SESSION_PORT = 5432
const TRANSACTION_PORT = 6543
const DEFAULT_USER = 'postgres'

/** The ways to a project's database in the order in which they are tried. A pooler tells tenants apart by the user,
 * `postgres.<ref>`. Throws CONFIG_INVALID for a `url` that is no Supabase address.
 * https://supabase.com/docs/guides/database/connecting-to-postgres */
export function supabaseEndpoints(config: SupabaseConfig): readonly SupabaseEndpoint[] {
  const { project_ref: ref, user = DEFAULT_USER } = config
  if (ref === undefined) return [fromUrl(config, user)]
  return (config.endpoints ?? [{ kind: 'direct' as const }]).map((endpoint) => ({
    kind: endpoint.kind,
    host: endpoint.host ?? `db.${ref}.supabase.co`,
    port: endpoint.port ?? (endpoint.kind === 'transaction_pooler' ? TRANSACTION_PORT : SESSION_PORT),
    user: endpoint.user ?? (endpoint.kind === 'direct' ? user : `${user}.${ref}`),
  }))
}

/** The same for the attempt loop. */
export function tcpEndpoints(config: SupabaseConfig): readonly Endpoint[] {
  return supabaseEndpoints(config).map(({ kind, host, port }) => ({ kind: 'tcp', host, port, label: kind }))
}

/** The configured endpoint of an attempt. */
export function endpointOf(config: SupabaseConfig, attempted: Endpoint): SupabaseEndpoint {
  const index = tcpEndpoints(config).findIndex((endpoint) => samePlace(endpoint, attempted))
  const endpoint = supabaseEndpoints(config)[index]
  if (endpoint === undefined) throw new AirlockError('INTERNAL', { phase: 'connect' })
  return endpoint
}

function samePlace(one: Endpoint, other: Endpoint): boolean {
  if (one.kind !== 'tcp' || other.kind !== 'tcp') return false
  return one.label === other.label && one.host === other.host && one.port === other.port
}

/** Port 6543 is transaction mode on every host; 5432 is the database itself on `db.<ref>`, and session mode elsewhere. */
function fromUrl(config: SupabaseConfig, user: string): SupabaseEndpoint {
  const { host, port = SESSION_PORT } = config as UrlAddress
  if (host === undefined) {
    const params = { at: 'url', problem: 'a project is reached over the network, not through a socket' }
    throw new AirlockError('CONFIG_INVALID', { phase: 'config', params })
  }
  const kind = port === TRANSACTION_PORT ? 'transaction_pooler' : /^db\./i.test(host) ? 'direct' : 'session_pooler'
  return { kind, host, port, user }
}
