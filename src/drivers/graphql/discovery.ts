import type { Catalog, CatalogTable, DiscoverRequest } from '../../core/driver.js'
import { AirlockError } from '../../errors/index.js'
import { columnFields, tableFields } from './read/automatic.js'
import { scalarType } from './read/scalars.js'
import type { SchemaSource } from './schema.js'

/** The root fields that can be read by their name, as tables. Throws UNSUPPORTED where the service does not show its
 * schema, TABLE_NOT_FOUND for a table that is none of them. */
export async function discoverTables(
  schemas: SchemaSource,
  request: DiscoverRequest,
  signal: AbortSignal,
): Promise<Catalog> {
  const { library, schema } = await schemas.get(signal)
  if (schema === undefined) {
    throw new AirlockError('UNSUPPORTED', {
      phase: 'discover',
      params: { problem: 'the service does not show its schema' },
    })
  }
  const tables = tableFields(library, schema)
    .filter(({ name }) => request.table === undefined || request.table === name)
    .map(({ name, record }): CatalogTable => {
      const columns = columnFields(library, record).map((field) => {
        const nullable = !library.isNonNullType(field.type)
        const type = library.getNullableType(field.type)
        const list = library.isListType(type)
        const kind = list
          ? ({ kind: 'json' } as const)
          : library.isScalarType(type)
            ? scalarType(type.name)
            : ({ kind: 'text' } as const)
        return { name: field.name, type: kind, nullable, sourceType: String(type), keyPosition: 0 }
      })
      const nothing = {
        primaryKey: [],
        uniqueKeys: [],
        foreignKeys: [],
        estimatedRows: undefined,
        estimatedBytes: undefined,
      }
      return { schema: '', name, kind: 'table', columns, ...nothing }
    })
    .sort((one, other) => (one.name < other.name ? -1 : 1))
  if (request.table !== undefined && tables.length === 0)
    throw new AirlockError('TABLE_NOT_FOUND', { phase: 'discover' })
  return { server: 'GraphQL', tables }
}
