import { type Driver, defineDriver } from '../../../core/define-driver.js'
import type { DriverSpec } from '../../../core/driver.js'
import { restAddress, supabaseRestConfig } from './config.js'
import { classifyRestError } from './errors.js'
import { RestSession } from './session.js'
import { REST_POLICIES } from './writer.js'

/** The declarative part of the REST channel. */
export const supabaseRestSpec: DriverSpec<typeof supabaseRestConfig> = {
  family: 'supabase-rest',
  title: 'Supabase over REST',
  urlSchemes: [],
  defaultPort: 443,
  config: supabaseRestConfig,
  capabilities: { extract: true, write: true, discover: false, query: false, modes: ['append'], rawFormats: [] },
  policies: REST_POLICIES,
  ownDeadlines: true,
  endpoints(config) {
    const { host, port } = restAddress(config)
    return [{ kind: 'tcp', host, port }]
  },
  open: (config, context) => RestSession.open(config, context),
  classify: classifyRestError,
}

/** Reads from and writes to a Supabase project, or any PostgREST (12 and later), where there is no access by SQL. */
export const supabaseRest: Driver<typeof supabaseRestConfig> = defineDriver(supabaseRestSpec)
