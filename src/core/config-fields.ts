import { z } from 'zod'
import { AirlockError } from '../errors/index.js'
import { Secret } from '../masking/secret.js'

/** What a field of a connection holds, beyond its type. Masking paths, JSON Schema, docs and MCP listings read it. */
export type FieldRole = 'secret' | 'topology' | 'file'

declare module 'zod' {
  interface GlobalMeta {
    airlock?: FieldRole
  }
}

/** A field that holds a `Secret`. In a file it is written as a reference such as `${env:NAME}`; a plain string is refused. */
export const secret = () =>
  z.custom<Secret<string>>(holdsText, { error: 'must be a Secret that holds text' }).meta({ airlock: 'secret' })

/** Throws SECRET_UNRESOLVED for one whose provider throws; what it threw may hold the secret. */
function holdsText(value: unknown): boolean {
  if (!(value instanceof Secret)) return false
  try {
    return typeof value.reveal() === 'string'
  } catch {
    throw new AirlockError('SECRET_UNRESOLVED', { phase: 'config', params: { at: value.label } })
  }
}

/** A field that says where something is: shown to people only when they ask with `--show-topology`. */
export const topology = () => z.string().min(1).meta({ airlock: 'topology' })

/** The path of a file that is read when the connection is opened; relative to the configuration file. */
export const file = () => z.string().min(1).meta({ airlock: 'file' })

/** The role of a field, through `optional()` and `default()`. */
export function fieldRole(schema: z.ZodType): FieldRole | undefined {
  let current: z.ZodType | undefined = schema
  while (current !== undefined) {
    const role = z.globalRegistry.get(current)?.airlock
    if (role !== undefined) return role
    current =
      current instanceof z.ZodOptional || current instanceof z.ZodDefault || current instanceof z.ZodNullable
        ? (current.unwrap() as z.ZodType)
        : undefined
  }
  return undefined
}

/** TLS of one connection. Without `mode`: `verify-full`, but `disable` for loopback addresses and sockets. */
export const tlsField = z.strictObject({
  mode: z.enum(['disable', 'require', 'verify-ca', 'verify-full']).optional(),
  ca: file().optional(),
  cert: file().optional(),
  key: file().optional(),
  server_name: topology().optional(),
})

export type TlsConfig = z.output<typeof tlsField>

const milliseconds = () => z.int().min(1).max(86_400_000)
/** 0 is no limit. */
const limit = () => z.int().min(0).max(86_400_000)

/** The keys that every connection has. Durations are in milliseconds. */
export const commonFields = {
  tls: tlsField.optional(),
  connect_timeout_ms: milliseconds().default(10_000),
  statement_timeout_ms: limit().optional(),
  /** How long a server may say nothing while something is expected of it. */
  silence_timeout_ms: limit().default(3_600_000),
  idle_timeout_ms: limit().optional(),
  max_connections: z.int().min(1).max(1000).default(4),
  read_only: z.boolean().default(false),
} as const

/** The keys of a connection to a server that listens at a host and port, or of its `url`. */
export const serverFields = {
  url: secret().optional(),
  host: topology().optional(),
  port: z.int().min(1).max(65_535).optional(),
  socket_path: topology().optional(),
  database: topology().optional(),
  user: topology().optional(),
  password: secret().optional(),
} as const
