import { z } from 'zod'
import type { DriverDeclaration } from './airlock-file.js'
import { type Field, fieldsOf, replaceFields } from './field-walk.js'
import { holdsReference } from './reference.js'

/** A connection as people may see it, e.g. `{ driver: 'mysql', host: 'set', password: '***', read_only: true }`. */
export type RedactedConnection = Readonly<Record<string, unknown>>

/** What may be printed of a connection, declared or resolved: its driver, which fields are set, and the values of
 * switches and closed choices. Hosts, ports, databases, users, paths and everything else that is free text appear only
 * with `showTopology`, secrets never: a field is `***` if its schema says secret, or if it does not say anything. */
export function redactConnection(
  connection: {
    readonly driver: string
    readonly declaration: DriverDeclaration
    readonly values: Readonly<Record<string, unknown>>
  },
  options: { readonly showTopology?: boolean } = {},
): RedactedConnection {
  const { driver, declaration, values } = connection
  const shown = fieldsOf(declaration.config, values).map((field) => {
    return [field.path, redact(field, options.showTopology === true)] as const
  })
  return { driver, ...(replaceFields(values, shown) as Record<string, unknown>) }
}

function redact({ role, schema, value }: Field, showTopology: boolean): unknown {
  if (value === undefined || value === null) return 'unset'
  if (role === 'secret' || schema === undefined || typeof value === 'object') return '***'
  const closed = schema instanceof z.ZodBoolean || schema instanceof z.ZodEnum || schema instanceof z.ZodLiteral
  if (closed && !(typeof value === 'string' && holdsReference(value))) return value
  if (!showTopology) return 'set'
  return typeof value === 'string' && value.startsWith('-----BEGIN') ? 'set' : value
}
