import type { PipelineStream } from '../config/pipeline.js'
import type { Catalog, CatalogTable } from '../core/driver.js'
import { parseTableName } from '../core/table-name.js'
import type { Parents } from './schedule.js'

/** In which order streams have to run for foreign keys. */
export interface StreamOrder {
  readonly parents: Parents
  /** Streams whose tables refer to each other in a circle, each circle once, as names in the order of reference. Their keys
   * do not order them. */
  readonly cycles: readonly (readonly string[])[]
}

/** Which tables of a catalogue the streams read or write. */
export interface CatalogSide {
  readonly catalog: Catalog
  readonly tableOf: (stream: PipelineStream) => string | undefined
  /** Of tables that are named without one. */
  readonly defaultSchema: string | undefined
}

/** Orders streams so that parents come before children, by the foreign keys between their tables at either end. Only modes
 * that keep the target's rows need it, but a row of any mode may refer to one of them. */
export function orderStreams(streams: readonly PipelineStream[], sides: readonly CatalogSide[]): StreamOrder {
  const parents = new Map<string, Set<string>>(streams.map(({ name }) => [name, new Set()]))
  for (const side of sides) {
    const tables = streams.map((stream) => tableOf(stream, side))
    for (const [child, table] of tables.entries()) {
      for (const key of table?.foreignKeys ?? []) {
        tables.forEach((other, parent) => {
          if (other === undefined || other === table || other.name !== key.table || other.schema !== key.schema) return
          if (streams[parent]!.name !== streams[child]!.name)
            parents.get(streams[child]!.name)!.add(streams[parent]!.name)
        })
      }
    }
  }
  const cycles: (readonly string[])[] = []
  for (let cycle = findCycle(parents); cycle !== undefined; cycle = findCycle(parents)) {
    cycles.push(cycle)
    for (const name of cycle) for (const other of cycle) parents.get(name)!.delete(other)
  }
  return { parents: new Map([...parents].map(([name, before]) => [name, [...before]])), cycles }
}

function tableOf(stream: PipelineStream, side: CatalogSide): CatalogTable | undefined {
  const written = side.tableOf(stream)
  if (written === undefined) return undefined
  const { schema = side.defaultSchema, name } = parseTableName(written)
  const named = side.catalog.tables.filter((table) => table.name === name)
  return (
    named.find((table) => table.schema === schema) ??
    (schema === undefined && named.length === 1 ? named[0] : undefined)
  )
}

function findCycle(parents: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] | undefined {
  const done = new Set<string>()
  const walk = (name: string, path: readonly string[]): readonly string[] | undefined => {
    const at = path.indexOf(name)
    if (at >= 0) return path.slice(at)
    if (done.has(name)) return undefined
    for (const parent of parents.get(name) ?? []) {
      const found = walk(parent, [...path, name])
      if (found !== undefined) return found
    }
    done.add(name)
    return undefined
  }
  for (const name of parents.keys()) {
    const found = walk(name, [])
    if (found !== undefined) return found
  }
  return undefined
}
