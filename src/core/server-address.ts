import type { z } from 'zod'
import { AirlockError } from '../errors/index.js'
import { parseConnectionUrl } from '../masking/dsn/index.js'
import { Secret } from '../masking/secret.js'
import type { DriverSpec } from './driver.js'

/** The address fields that a `url` may stand for. */
interface AddressFields {
  readonly url?: Secret<string>
  readonly host?: string
  readonly port?: number
  readonly socket_path?: string
  readonly database?: string
  readonly user?: string
  readonly password?: Secret<string>
}

/** Takes the `url` of a connection apart into its fields. The separate fields and the url exclude each other, so that
 * nobody has to know which would win. Throws DSN_REFUSED (no part of the url in it) or CONFIG_INVALID. */
export function serverAddress<Schema extends z.ZodObject>(
  spec: DriverSpec<Schema>,
  config: z.output<Schema>,
): z.output<Schema> {
  const fields = config as AddressFields
  if (fields.url === undefined) return config
  for (const field of ['host', 'port', 'socket_path', 'database', 'user', 'password'] as const) {
    if (fields[field] !== undefined) {
      throw new AirlockError('CONFIG_INVALID', {
        phase: 'config',
        params: { at: field, problem: 'the url already says it' },
      })
    }
  }
  const { url, ...rest } = fields
  const parsed = parseConnectionUrl(url.reveal(), { schemes: spec.urlSchemes })
  return {
    ...rest,
    ...(parsed.socketPath === undefined ? { host: parsed.host } : { socket_path: parsed.socketPath }),
    ...(parsed.port === undefined ? {} : { port: parsed.port }),
    ...(parsed.database === undefined ? {} : { database: parsed.database }),
    ...(parsed.user === undefined ? {} : { user: parsed.user }),
    ...(parsed.password === undefined ? {} : { password: new Secret(parsed.password, 'password') }),
  } as z.output<Schema>
}
