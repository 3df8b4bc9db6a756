import { z } from 'zod'
import { commonFields, secret, topology } from '../../core/config-fields.js'

/** The reference of a project, which is a tenant id and part of its hosts and users. */
export const projectRef = () =>
  z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/)
    .meta({ airlock: 'topology' })

/** One way to the database of a project. A pooler's host names the region, which is never guessed. */
const endpointField = z
  .strictObject({
    kind: z.enum(['direct', 'session_pooler', 'transaction_pooler']),
    host: topology().optional(),
    port: z.int().min(1).max(65_535).optional(),
    user: topology().optional(),
  })
  .refine((endpoint) => endpoint.kind === 'direct' || endpoint.host !== undefined, {
    path: ['host'],
    error: 'a pooler needs the host that the dashboard shows under Connect',
  })

/** Settings of a Supabase project: `project_ref` with `endpoints` (by default the direct one), or the `url` of one
 * endpoint. */
export const supabaseConfig = z
  .strictObject({
    ...commonFields,
    project_ref: projectRef().optional(),
    url: secret().optional(),
    database: topology().optional(),
    user: topology().optional(),
    password: secret().optional(),
    endpoints: z.array(endpointField).min(1).max(8).optional(),
  })
  .refine((config) => (config.project_ref === undefined) !== (config.url === undefined), {
    path: ['project_ref'],
    error: 'give either `project_ref` or `url`',
  })
  .refine((config) => config.url === undefined || config.endpoints === undefined, {
    path: ['endpoints'],
    error: 'the url already says it',
  })

  .refine((config) => new Set(config.endpoints?.map(place)).size === (config.endpoints?.length ?? 0), {
    path: ['endpoints'],
    error: 'an endpoint is there twice',
  })

/** Attempts are told apart by these, so two logins at one place would be one. */
function place({ kind, host, port }: z.output<typeof endpointField>): string {
  return JSON.stringify([kind, host, port])
}

export type SupabaseConfig = z.output<typeof supabaseConfig>
export type EndpointKind = NonNullable<SupabaseConfig['endpoints']>[number]['kind']
