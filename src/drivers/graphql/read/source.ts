import type { Column } from '../../../core/batch.js'
import type { ExtractRequest } from '../../../core/driver.js'
import type { GraphqlPaging, GraphqlRead } from '../../../core/graphql-read.js'
import { selectColumns } from '../../../core/select-columns.js'
import { suggest } from '../../../core/suggest.js'
import { AirlockError } from '../../../errors/index.js'
import { configInvalid, type GraphqlDocument, readDocument, variableNames } from '../document.js'
import type { SchemaSource } from '../schema.js'
import { automaticRead, excludesOnly } from './automatic.js'
import type { Branch } from './branch.js'
import { sourceColumns } from './columns.js'
import type { PageSource, Paging } from './paging.js'
import { type ConnectionShape, type SelectedField, Selection } from './selection.js'

const MAX_PAGES = 100_000

/** One column: where its value stands in a record, and what has to be completed in it. */
export interface SourceColumn {
  readonly column: Column
  readonly path: readonly string[]
  readonly branch: Branch | undefined
}

/** A read, worked out against the document and the schema. */
export interface GraphqlSource extends PageSource {
  readonly document: string
  /** Of every page, as JSON texts. */
  readonly variables: ReadonlyMap<string, string>
  readonly columns: readonly SourceColumn[]
  readonly partial: boolean
}

/** Works out a read. Nothing of the document is sent before it was parsed, and validated where the schema is known. Throws
 * CONFIG_INVALID, UNSUPPORTED, TABLE_NOT_FOUND and COLUMN_NOT_FOUND. */
export async function resolveSource(
  schemas: SchemaSource,
  request: ExtractRequest,
  pageSize: number,
  signal: AbortSignal,
): Promise<GraphqlSource> {
  refuseSql(request)
  const { library, schema } = await schemas.get(signal)
  const read = readOf(request) ?? automaticRead(library, schema, request.table!, request.select)
  const document = readDocument(library, read.document, { kind: 'query', at: 'graphql.document', schema })
  const selection = new Selection(library, document, schema)
  const { path, field, connection } = recordsOf(selection, read.records)
  const record = connection === undefined ? field : selection.recordOf(field, connection)
  if (!selection.isObject(record)) throw configInvalid('graphql.records', 'the records have to be objects')
  const nested = read.nested ?? {}
  const all = sourceColumns(record, read.fields, { library, schema, document, selection, nested })
  const names = selectColumns(
    all.map(({ column }) => column.name),
    request.table !== undefined && excludesOnly(request.select) ? undefined : request.select,
  )
  const paging = pagingOf(document, selection, field, connection, read)
  return {
    name: path.join('.'),
    document: document.text,
    variables: variablesOf(document, field, read, paging, pageSize),
    records: path,
    connection,
    columns: names.map((name) => all.find(({ column }) => column.name === name)!),
    paging,
    maxPages: read.maxPages ?? MAX_PAGES,
    partial: read.partial === 'allow',
  }
}

function refuseSql(request: ExtractRequest): void {
  const given = [request.table, request.query, request.graphql].filter((one) => one !== undefined)
  if (given.length !== 1) throw configInvalid('table', 'give one of `table`, `query` and `graphql`')
  const problem =
    request.where !== undefined
      ? 'it has no conditions; write them into graphql.document'
      : request.cursor !== undefined || request.range !== undefined
        ? 'it reads everything that the document asks for; write bounds into graphql.document'
        : undefined
  if (problem !== undefined) throw new AirlockError('UNSUPPORTED', { phase: 'plan', params: { problem } })
}

/** A `query` is a document whose records are found by themselves. */
function readOf({ query, graphql }: ExtractRequest): GraphqlRead | undefined {
  return query === undefined ? graphql : { document: query }
}

interface Records {
  readonly path: readonly string[]
  readonly field: SelectedField
  readonly connection: ConnectionShape | undefined
}

/** The records by their path, or the first list or connection that the only root field leads to. A path may also name the
 * list within its connection. */
function recordsOf(selection: Selection, written: string | undefined): Records {
  const at = 'graphql.records'
  const steps = written?.split('.')
  const path: string[] = []
  let fields = selection.root()
  for (;;) {
    const name = steps?.[path.length] ?? (fields.length === 1 ? fields[0]!.name : undefined)
    if (name === undefined) throw configInvalid(at, 'name the path of the records, e.g. shop.orders')
    const field = fields.find((one) => one.name === name)
    if (field === undefined) {
      const suggestion = suggest(
        name,
        fields.map((one) => one.name),
      )
      throw configInvalid(at, `the document has no field ${name} there.${suggestion}`.replace(/\.$/, ''))
    }
    path.push(name)
    const connection = selection.connection(field)
    const rest = steps?.slice(path.length)
    const ends =
      connection !== undefined ? rest === undefined || withinConnection(connection, rest) : rest?.length === 0
    if (ends) return { path, field, connection }
    fields = selection.children(field)
    const list = selection.isList(field)
    // Without a schema nobody knows what is a list; then the only root field is taken for the records.
    if (rest === undefined && (list !== false || fields.length !== 1 || !selection.isObject(fields[0]!))) {
      return { path, field, connection }
    }
    if (rest !== undefined && list === true) throw configInvalid(at, 'it leads through a list')
  }
}

function withinConnection({ list, unwrap }: ConnectionShape, rest: readonly string[]): boolean {
  const text = rest.join('.')
  return text === '' || text === list || (unwrap && text === 'edges.node')
}

function pagingOf(
  document: GraphqlDocument,
  selection: Selection,
  field: SelectedField,
  connection: ConnectionShape | undefined,
  read: GraphqlRead,
): Paging {
  const at = 'graphql.paging'
  const paging: GraphqlPaging = read.paging ?? { kind: connection === undefined ? 'none' : 'relay' }
  if (connection !== undefined && !connection.paged) {
    throw configInvalid('graphql.document', `${field.name} needs pageInfo { hasNextPage endCursor }`)
  }
  switch (paging.kind) {
    case 'none':
      return paging
    case 'relay': {
      if (connection === undefined) throw configInvalid(at, 'the records are no connection')
      const variable = argumentVariable(field, 'after')
      // With a cursor that leads nowhere the first page would come again and again.
      if (variable === undefined)
        throw configInvalid('graphql.document', `${field.name} needs (after: $cursor) of a variable`)
      return { kind: 'relay', variable }
    }
    case 'cursor':
    case 'offset':
    case 'page':
      for (const name of [paging.variable, paging.sizeVariable]) {
        if (name !== undefined && !variableNames(document).includes(name)) {
          throw configInvalid(at, `the document has no variable ${name}`)
        }
      }
      if (connection !== undefined) throw configInvalid(at, 'a connection is paged by `relay`')
      if (paging.kind === 'page') return { kind: 'page', variable: paging.variable, first: paging.first ?? 1 }
      return paging.kind === 'cursor'
        ? { kind: 'cursor', variable: paging.variable, next: cursorPath(selection, paging.next) }
        : { kind: 'offset', variable: paging.variable }
  }
}

function cursorPath(selection: Selection, next: string): readonly string[] {
  const path = next.split('.')
  let fields = selection.root()
  for (const name of path) {
    const field = fields.find((one) => one.name === name)
    if (field === undefined) throw configInvalid('graphql.paging.next', 'the document does not select it')
    fields = selection.children(field)
  }
  return path
}

/** Those of the stream, and the size of a page where the document leaves it to a variable that nobody has set. */
function variablesOf(
  document: GraphqlDocument,
  field: SelectedField,
  { variables = {}, paging }: GraphqlRead,
  resolved: Paging,
  pageSize: number,
): ReadonlyMap<string, string> {
  const declared = document.operation.variableDefinitions ?? []
  const known = declared.map(({ variable }) => variable.name.value)
  for (const name of Object.keys(variables)) {
    if (known.includes(name)) continue
    throw configInvalid(
      `graphql.variables.${name}`,
      `the document has no such variable.${suggest(name, known)}`.replace(/\.$/, ''),
    )
  }
  const texts = new Map(Object.entries(variables).map(([name, value]) => [name, JSON.stringify(value)]))
  const size = paging !== undefined && 'size' in paging ? paging.size : undefined
  const name =
    resolved.kind === 'relay'
      ? argumentVariable(field, 'first')
      : paging !== undefined && 'sizeVariable' in paging
        ? paging.sizeVariable
        : undefined
  const withDefault = declared.some(
    ({ variable, defaultValue }) => variable.name.value === name && defaultValue !== undefined,
  )
  if (name !== undefined && !texts.has(name) && (size !== undefined || !withDefault)) {
    texts.set(name, String(size ?? pageSize))
  }
  return texts
}

/** The variable that an argument of a field is given. */
function argumentVariable(field: SelectedField, argument: string): string | undefined {
  const value = field.nodes[0]?.arguments?.find(({ name }) => name.value === argument)?.value
  return value?.kind === 'Variable' ? value.name.value : undefined
}
