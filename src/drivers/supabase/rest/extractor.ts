import type { Batch, Column } from '../../../core/batch.js'
import { BatchBuilder } from '../../../core/batch-builder.js'
import type { Extraction, ExtractRequest, SourceDescription } from '../../../core/driver.js'
import { selectColumns } from '../../../core/select-columns.js'
import { AirlockError } from '../../../errors/index.js'
import { profile, type RestCatalog, type RestTable } from './catalog.js'
import type { RestAnswer, RestClient } from './client.js'
import { afterKey, quoteField, readFilters } from './query.js'
import { RecordDecoder } from './record-decoder.js'

/** What is read of a table, in pages that follow its primary key. */
interface RestSource {
  readonly table: RestTable
  readonly columns: readonly Column[]
  /** The columns, and behind them what else of the key is needed to ask for the next page. */
  readonly selected: readonly Column[]
  readonly filters: readonly string[]
}

export async function describeSource(
  catalog: RestCatalog,
  request: ExtractRequest,
  pageRows: number,
  signal: AbortSignal,
): Promise<SourceDescription> {
  const source = await resolveSource(catalog, request, signal)
  const statement = `GET ${decodeURIComponent(pagePath(source, pageRows, undefined))}`
  return { columns: source.columns, statement, estimatedRows: undefined }
}

/** One pass over a table, page by page along its primary key (keyset, never an offset). Pages are requests of their own:
 * rows that change meanwhile are seen as they are when their page is read. */
export function extractPages(
  client: RestClient,
  catalog: RestCatalog,
  request: ExtractRequest,
  pageRows: number,
  signal: AbortSignal,
): Extraction {
  let rowsRead = 0
  return {
    get rowsRead() {
      return rowsRead
    },
    policyCounts: {},
    async *[Symbol.asyncIterator]() {
      const source = await resolveSource(catalog, request, signal)
      const builder = new BatchBuilder(source.columns, request.batchBytes)
      const key = source.table.primaryKey.map((name) => source.selected.findIndex((column) => column.name === name))
      let after: readonly string[] | undefined
      let yielded = false
      // A server may cap its pages below what we ask for, so that only an empty one is the last.
      for (;;) {
        const decoder = new RecordDecoder(builder, source.selected, key)
        for await (const batch of readPage(client, source, pageRows, after, decoder, signal)) {
          yielded = true
          yield batch
        }
        rowsRead += decoder.rows
        if (decoder.rows === 0) break
        after = decoder.lastKey
      }
      if (builder.rowCount > 0 || !yielded) yield builder.finish()
    },
  }
}

async function* readPage(
  client: RestClient,
  source: RestSource,
  pageRows: number,
  after: readonly string[] | undefined,
  decoder: RecordDecoder,
  signal: AbortSignal,
): AsyncGenerator<Batch, void, undefined> {
  const headers = { accept: 'text/csv', prefer: 'timezone=UTC', ...profile('accept', source.table.schema) }
  const path = pagePath(source, pageRows, after)
  const answer = await client.send({ method: 'GET', path, headers, repeatable: true }, signal)
  try {
    for await (const chunk of answer.body) yield* decoder.push(chunk as Buffer)
    decoder.end(rowsOf(answer))
  } finally {
    // A consumer that stops early takes the connection with it; the next request opens another.
    answer.body.destroy()
  }
}

/** How many rows the server says that it sent: `0-24/*`, or none. */
function rowsOf({ headers }: RestAnswer): number {
  const range = /^(?:0-(\d+)|\*)\//.exec(String(headers['content-range'] ?? ''))
  if (range === null) throw new AirlockError('PROTOCOL_ERROR', { phase: 'extract' })
  return range[1] === undefined ? 0 : Number(range[1]) + 1
}

function pagePath(source: RestSource, pageRows: number, after: readonly string[] | undefined): string {
  const { table, selected, filters } = source
  const key = table.primaryKey
  const query = [
    `select=${selected.map((column) => quoteField(column.name)).join(',')}`,
    ...filters,
    ...(after === undefined ? [] : [afterKey(key, after)]),
    `order=${key.map((name) => `${quoteField(name)}.asc`).join(',')}`,
    `limit=${pageRows}`,
  ]
  return `/${encodeURIComponent(table.name)}?${query.join('&')}`
}

async function resolveSource(catalog: RestCatalog, request: ExtractRequest, signal: AbortSignal): Promise<RestSource> {
  if (request.table === undefined) throw unsupported('it reads tables and views, and runs no query')
  const table = await catalog.table(request.table, signal)
  if (table.primaryKey.length === 0) throw unsupported('paging needs a primary key; declare it in primary_keys')
  const byName = (name: string) => table.columns.find((column) => column.name === name)!
  const names = selectColumns(
    table.columns.map((column) => column.name),
    request.select,
  )
  const missing = table.primaryKey.filter((name) => !names.includes(name))
  return {
    table,
    columns: names.map(byName),
    selected: [...names, ...missing].map(byName),
    filters: readFilters(request.where),
  }
}

function unsupported(problem: string): AirlockError {
  return new AirlockError('UNSUPPORTED', { phase: 'plan', params: { problem } })
}
