import type { z } from 'zod'
import { AirlockError } from '../errors/index.js'
import { type ConnectionUrl, parseConnectionUrl } from '../masking/dsn/index.js'
import { Secret } from '../masking/secret.js'
import type { TlsConfig } from './config-fields.js'
import type { DriverSpec } from './driver.js'
import { isLoopback } from './tls.js'

/** The address fields that a `url` may stand for. */
interface AddressFields {
  readonly url?: Secret<string>
  readonly host?: string
  readonly port?: number
  readonly socket_path?: string
  readonly database?: string
  readonly user?: string
  readonly password?: Secret<string>
  readonly tls?: TlsConfig
}

type TlsMode = NonNullable<TlsConfig['mode']>
/** From the weakest to the strictest. */
const TLS_MODES: readonly TlsMode[] = ['disable', 'require', 'verify-ca', 'verify-full']

/** What the clients of MySQL call them. */
const MYSQL_TLS_MODES: Readonly<Record<string, TlsMode>> = {
  REQUIRED: 'require',
  VERIFY_CA: 'verify-ca',
  VERIFY_IDENTITY: 'verify-full',
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
    ...stricterTls(fields.tls, parsed),
    ...(parsed.socketPath === undefined ? { host: parsed.host } : { socket_path: parsed.socketPath }),
    ...(parsed.port === undefined ? {} : { port: parsed.port }),
    ...(parsed.database === undefined ? {} : { database: parsed.database }),
    ...(parsed.user === undefined ? {} : { user: parsed.user }),
    ...(parsed.password === undefined ? {} : { password: new Secret(parsed.password, 'password') }),
  } as z.output<Schema>
}

/** `sslmode` of a URL can make TLS stricter than the settings, never weaker. */
function stricterTls(tls: TlsConfig | undefined, url: ConnectionUrl): { readonly tls?: TlsConfig } {
  const mysqlWord = url.params['ssl-mode']?.toUpperCase()
  const word = url.params['sslmode'] ?? (mysqlWord === undefined ? undefined : MYSQL_TLS_MODES[mysqlWord])
  const asked = TLS_MODES.find((mode) => mode === word)
  if (asked === undefined) return {}
  const local = url.host === undefined || isLoopback(url.host)
  const settled = tls?.mode ?? (local ? 'disable' : 'verify-full')
  const mode = TLS_MODES.indexOf(asked) > TLS_MODES.indexOf(settled) ? asked : settled
  return { tls: { ...tls, mode } }
}
