import type { z } from 'zod'
import type { ConnectStep } from '../../core/connect.js'
import { type Driver, defineDriver } from '../../core/define-driver.js'
import type { DriverSpec, OpenContext, Session } from '../../core/driver.js'
import { serverAddress } from '../../core/server-address.js'
import { AirlockError } from '../../errors/index.js'
import { PostgresSession, postgresSpec } from '../postgres/index.js'
import { type SupabaseConfig, supabaseConfig } from './config.js'
import { endpointOf, supabaseEndpoints, tcpEndpoints } from './endpoints.js'
import { classifySupabaseError, poolerError } from './errors.js'

/** The declarative part of the Supabase driver: Postgres, behind the endpoints of a project. */
export const supabaseSpec: DriverSpec<typeof supabaseConfig> = {
  family: 'supabase',
  title: 'Supabase',
  urlSchemes: ['postgres', 'postgresql'],
  defaultPort: 5432,
  config: supabaseConfig,
  capabilities: postgresSpec.capabilities,
  policies: postgresSpec.policies,
  endpoints: tcpEndpoints,
  open,
  classify: classifySupabaseError,
}

const driver = defineDriver(supabaseSpec)

/** Reads from and writes to the Postgres database of a Supabase project. A direct host that cannot be reached is
 * DIRECT_UNREACHABLE unless a pooler is configured too. */
export const supabase: Driver<typeof supabaseConfig> = {
  ...driver,
  async open(input, options) {
    let reached: ConnectStep | undefined
    const onStep = (step: ConnectStep): void => {
      reached = step
      options?.onStep?.(step)
    }
    try {
      return await driver.open(input, { ...options, onStep })
    } catch (error) {
      if (!(error instanceof AirlockError) || !isUnreached(error, reached) || isPooled(input)) throw error
      const { phase = 'connect', ref } = error
      const origin = error.origin === undefined ? {} : { origin: error.origin }
      throw new AirlockError('DIRECT_UNREACHABLE', { phase, ref, ...origin }).attribute(options?.name)
    }
  },
}

/** The host has no address, or none that anything comes back from. Not while the name server fails (EAI_AGAIN), which says
 * nothing about the host. */
function isUnreached({ code, origin }: AirlockError, reached: ConnectStep | undefined): boolean {
  if (code === 'CONNECT_TIMEOUT') return reached === 'dns'
  return code === 'CONNECT_UNREACHABLE' || (code === 'HOST_NOT_FOUND' && origin !== 'EAI_AGAIN')
}

function isPooled(input: z.input<typeof supabaseConfig>): boolean {
  const config = serverAddress(supabaseSpec, supabaseConfig.parse(input))
  return supabaseEndpoints(config).some(({ kind }) => kind !== 'direct')
}

/** Neither pooler is asked to keep anything for us between two transactions: in transaction mode it could not, and in
 * session mode not every pooler tidies up before the next client gets the session. */
async function open(config: SupabaseConfig, context: OpenContext): Promise<Session> {
  const { project_ref: _, endpoints: __, database = 'postgres', ...rest } = config
  const { kind, user } = endpointOf(config, context.endpoint)
  const settings = { ...rest, database, user }
  if (kind === 'direct') return await PostgresSession.open(settings, context)
  try {
    return await PostgresSession.open(settings, context, { pooling: 'transaction' })
  } catch (error) {
    throw poolerError(error)
  }
}
