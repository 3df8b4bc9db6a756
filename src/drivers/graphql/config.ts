import { z } from 'zod'
import { commonFields, secret, topology } from '../../core/config-fields.js'
import { parseAddress } from './http/address.js'

/** Headers that the driver sets, or that carry a credential: those go into `auth`. */
const RESERVED =
  /^(?:host|connection|content-.*|transfer-encoding|accept|accept-encoding|expect|upgrade|.*(?:auth|token|secret|cookie|passw|credential|api-?key).*)$/i

const header = () => z.string().regex(/^[!#$%&'*+.^_`|~\w-]{1,100}$/)

const auth = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('bearer'), token: secret() }),
  z.strictObject({ type: z.literal('api_key'), header: header().default('x-api-key'), key: secret() }),
  z.strictObject({ type: z.literal('basic'), user: topology(), password: secret() }),
  z.strictObject({
    type: z.literal('oauth2'),
    token_url: topology().refine((url) => parseAddress(url) !== undefined, {
      error: 'write https://host[:port][/path], without user and password',
    }),
    client_id: topology(),
    client_secret: secret(),
    scope: z.string().min(1).optional(),
    audience: z.string().min(1).optional(),
    client_auth: z.enum(['basic', 'body']).default('basic'),
  }),
])

/** Settings of a GraphQL API over HTTP. */
export const graphqlConfig = z.strictObject({
  ...commonFields,
  endpoint: topology().refine((url) => parseAddress(url) !== undefined, {
    error: 'write https://host[:port][/path], without user and password; keys belong into `auth`',
  }),
  auth: auth.optional(),
  headers: z
    .record(
      header().refine((name) => !RESERVED.test(name), { error: 'this header cannot be set here; see `auth`' }),
      z.string().regex(/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/),
    )
    .default({}),
  introspection: z.enum(['auto', 'off']).default('auto'),
  page_size: z.int().min(1).max(10_000).default(100),
  max_response_bytes: z
    .int()
    .min(1024)
    .max(1 << 28)
    .default(1 << 26),
  requests_per_second: z.number().positive().max(10_000).optional(),
  max_wait_ms: z.int().min(0).max(3_600_000).default(60_000),
})

export type GraphqlConfig = z.output<typeof graphqlConfig>

export type GraphqlAuth = NonNullable<GraphqlConfig['auth']>
