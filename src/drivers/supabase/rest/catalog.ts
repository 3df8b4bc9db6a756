import type { Column } from '../../../core/batch.js'
import type { LogicalType } from '../../../core/column-type.js'
import { suggest } from '../../../core/suggest.js'
import { parseTableName } from '../../../core/table-name.js'
import { AirlockError } from '../../../errors/index.js'
import type { RestClient } from './client.js'
import { invalid } from './config.js'

/** A table or a view as the API describes it. */
export interface RestTable {
  readonly schema: string
  readonly name: string
  readonly columns: readonly Column[]
  /** In the order of the key. */
  readonly primaryKey: readonly string[]
}

const PUBLIC = 'public'

/** Looks tables up in the OpenAPI document that PostgREST makes of a schema, fetched once for each schema.
 * https://docs.postgrest.org/en/stable/references/api/openapi.html */
export class RestCatalog {
  #client: RestClient
  #declared: Readonly<Record<string, readonly string[]>>
  #documents = new Map<string, Definitions>()

  /** `declared`: primary keys by table, for views and where the order of a key matters. */
  constructor(client: RestClient, declared: Readonly<Record<string, readonly string[]>>) {
    this.#client = client
    this.#declared = declared
  }

  /** Throws TABLE_NOT_FOUND, and CONFIG_INVALID for a declared key that is not there. */
  async table(table: string, signal: AbortSignal): Promise<RestTable> {
    const { schema = PUBLIC, name } = parseTableName(table)
    const definitions = await this.#definitions(schema, signal)
    const definition = Object.hasOwn(definitions, name) ? definitions[name] : undefined
    if (definition === undefined) throw new AirlockError('TABLE_NOT_FOUND', { phase: 'plan' })
    const names = Object.keys(definition.properties)
    const marked = names.filter((column) => definition.properties[column]?.description?.includes('<pk/>') === true)
    const declared = Object.hasOwn(this.#declared, table) ? this.#declared[table] : undefined
    const primaryKey = declared ?? marked
    const unknown = primaryKey.find((column) => !names.includes(column))
    if (unknown !== undefined) throw invalid('primary_keys', `there is no column ${unknown}${suggest(unknown, names)}`)
    const columns = names.map((column): Column => {
      const { format = 'text', maxLength } = definition.properties[column]!
      const type = logicalType(format, maxLength)
      const nullable = definition.required?.includes(column) !== true
      return { name: column, type, nullable, sourceType: format, keyPosition: primaryKey.indexOf(column) + 1 }
    })
    return { schema, name, columns, primaryKey }
  }

  async #definitions(schema: string, signal: AbortSignal): Promise<Definitions> {
    const known = this.#documents.get(schema)
    if (known !== undefined) return known
    const headers = { accept: 'application/openapi+json', ...profile('accept', schema) }
    const { text } = await this.#client.text({ method: 'GET', path: '/', headers, repeatable: true }, signal)
    const definitions = readDefinitions(text)
    this.#documents.set(schema, definitions)
    return definitions
  }
}

/** The header that chooses a schema; the first of the API is chosen without. */
export function profile(direction: 'accept' | 'content', schema: string): Record<string, string> {
  return schema === PUBLIC ? {} : { [`${direction}-profile`]: encodeURIComponent(schema) }
}

interface Property {
  readonly format?: string
  readonly maxLength?: number
  readonly description?: string
}
type Definitions = Readonly<
  Record<string, { readonly properties: Readonly<Record<string, Property>>; readonly required?: readonly string[] }>
>

function readDefinitions(text: string): Definitions {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    throw new AirlockError('PROTOCOL_ERROR', { phase: 'plan' })
  }
  if (typeof document !== 'object' || document === null || !('definitions' in document)) {
    throw new AirlockError('PROTOCOL_ERROR', { phase: 'plan' })
  }
  return document.definitions as Definitions
}

/** What PostgREST calls the types of Postgres, without precision and scale. */
const TYPES: Readonly<Record<string, LogicalType>> = {
  boolean: { kind: 'boolean' },
  smallint: { kind: 'int16' },
  integer: { kind: 'int32' },
  bigint: { kind: 'int64' },
  numeric: { kind: 'decimal' },
  real: { kind: 'float32' },
  'double precision': { kind: 'float64' },
  bytea: { kind: 'bytes' },
  date: { kind: 'date' },
  'time without time zone': { kind: 'time' },
  'timestamp without time zone': { kind: 'timestamp' },
  'timestamp with time zone': { kind: 'timestamptz' },
  uuid: { kind: 'uuid' },
  json: { kind: 'json', storage: 'json' },
  jsonb: { kind: 'json', storage: 'jsonb' },
}

/** Types that are not listed travel as their text, `interval` too: its style cannot be chosen over this channel. */
function logicalType(format: string, maxLength: number | undefined): LogicalType {
  if (format.endsWith('[]')) return { kind: 'array', element: logicalType(format.slice(0, -2), undefined) }
  const known = Object.hasOwn(TYPES, format) ? TYPES[format] : undefined
  return known ?? (maxLength === undefined ? { kind: 'text' } : { kind: 'text', length: maxLength })
}
