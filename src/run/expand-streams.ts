import type { Pipeline, PipelineStream, Wildcard } from '../config/pipeline.js'
import { targetTable } from '../config/target-table.js'
import type { Catalog, CatalogTable } from '../core/driver.js'
import { parseTableName, type TableName } from '../core/table-name.js'
import { AirlockError } from '../errors/index.js'

/** State, and loads that wait to be gone on with, are Airlock's own. */
const OWN_TABLES = '_airlock_'

/** Whether a pipeline has entries that stand for several tables. */
export function hasWildcards(pipeline: Pipeline): boolean {
  return pipeline.streams.some((stream) => stream.wildcard !== undefined && !stream.disabled)
}

/** The schema that a pipeline's wildcards need of the catalogue: one, or all of them. */
export function wildcardSchema(pipeline: Pipeline): string | undefined {
  const schemas = new Set(pipeline.streams.flatMap(({ wildcard }) => (wildcard === undefined ? [] : [wildcard.schema])))
  const [only] = schemas
  return schemas.size === 1 ? only : undefined
}

/** A pipeline in which each wildcard is replaced by the tables it stands for, with its settings, in the order of their
 * names. A table that has an entry of its own, a disabled one included, or that an entry `-name` leaves out, is not taken.
 * Views are not tables. `ownSchema` is that of tables that are named without one. Throws TABLE_NOT_FOUND for a wildcard
 * without a table and CONFIG_INVALID where two tables would be written to one. */
export function expandStreams(pipeline: Pipeline, catalog: Catalog, ownSchema: string | undefined): Pipeline {
  const plain = (written: string) => {
    const { schema = ownSchema, name } = parseTableName(written)
    return { schema, name }
  }
  const taken = pipeline.streams.flatMap(({ table, wildcard }) =>
    table === undefined || wildcard !== undefined ? [] : [plain(table)],
  )
  const expanded = new Set<CatalogTable>()
  const excluded = (pipeline.excluded ?? []).map(parseTableName)
  const isLeftOut = (table: CatalogTable) =>
    expanded.has(table) ||
    taken.some((one) => one.name === table.name && (one.schema ?? table.schema) === table.schema) ||
    excluded.some((one) => matches(one, table))
  const streams = pipeline.streams.flatMap((stream) => {
    const { wildcard, ...template } = stream
    if (wildcard === undefined) return [stream]
    if (stream.disabled) return []
    const found = catalog.tables.filter(
      ({ schema, name, kind }) =>
        kind === 'table' && schema === (wildcard.schema ?? ownSchema ?? schema) && !name.startsWith(OWN_TABLES),
    )
    if (found.length === 0) throw new AirlockError('TABLE_NOT_FOUND', { phase: 'plan' })
    const left = found.filter((table) => !isLeftOut(table))
    for (const table of left) expanded.add(table)
    return left.map((table) => streamOf(template, wildcard, table, ownSchema))
  })
  refuseDoubles(streams)
  return { ...pipeline, streams }
}

/** `name`, `schema.name`, and `prefix*` for a part of either. */
function matches({ schema, name }: TableName, table: CatalogTable): boolean {
  const like = (pattern: string, text: string) =>
    pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern
  return like(name, table.name) && (schema === undefined || like(schema, table.schema))
}

function streamOf(
  template: Omit<PipelineStream, 'wildcard'>,
  wildcard: Wildcard,
  { schema, name }: CatalogTable,
  ownSchema: string | undefined,
): PipelineStream {
  const bare = wildcard.schema === undefined && schema === ownSchema
  const table = bare ? quote(name) : `${quote(schema)}.${quote(name)}`
  const written = wildcard.target?.replace(/\{(stream_schema|stream_table)\}/g, (_, place) =>
    place === 'stream_schema' ? schema : name,
  )
  return { ...template, name: table, table, targetTable: targetTable(written, table, wildcard.targetSchema) }
}

function quote(part: string): string {
  return /[".]/.test(part) ? `"${part.replaceAll('"', '""')}"` : part
}

function refuseDoubles(streams: readonly PipelineStream[]): void {
  const seen = new Map<string, PipelineStream>()
  for (const stream of streams) {
    if (stream.disabled) continue
    const other = seen.get(stream.targetTable)
    seen.set(stream.targetTable, stream)
    if (other === undefined || (stream.mode !== 'replace' && other.mode !== 'replace')) continue
    const problem = `${other.name} writes to the same table; give target_table with {stream_schema}`
    throw new AirlockError('CONFIG_INVALID', { phase: 'plan', params: { at: stream.name, problem } })
  }
}
