import type { GraphQLField, GraphQLNamedType, GraphQLSchema } from 'graphql'
import type { GraphqlPaging, GraphqlRead } from '../../../core/graphql-read.js'
import { selectColumns } from '../../../core/select-columns.js'
import { suggest } from '../../../core/suggest.js'
import { AirlockError } from '../../../errors/index.js'
import { configInvalid } from '../document.js'
import type { GraphqlLibrary } from '../native.js'

type Field = GraphQLField<unknown, unknown>

/** A root field that can be read as a table, with the fields of its records. */
export interface TableField {
  readonly name: string
  readonly field: Field
  readonly record: GraphQLNamedType
  /** Undefined for a list. */
  readonly connection: 'nodes' | 'edges' | undefined
}

/** Root fields that give lists or connections of objects and need no argument. */
export function tableFields(library: GraphqlLibrary, schema: GraphQLSchema): readonly TableField[] {
  return Object.values(schema.getQueryType()?.getFields() ?? {}).flatMap((field) => {
    const table = tableOf(library, field)
    return table === undefined || field.args.some((one) => library.isRequiredArgument(one)) ? [] : [table]
  })
}

/** The read of a root field by its name: all scalar fields of its records and lists of scalars, and of those named in
 * `select` that are objects their scalar fields. Throws TABLE_NOT_FOUND, and UNSUPPORTED for a field that needs more than
 * a name. */
export function automaticRead(
  library: GraphqlLibrary,
  schema: GraphQLSchema | undefined,
  name: string,
  select: readonly string[] | undefined,
): GraphqlRead {
  if (schema === undefined) throw unsupported('the service does not show its schema; give graphql.document')
  const fields = schema.getQueryType()?.getFields() ?? {}
  const field = Object.hasOwn(fields, name) ? fields[name] : undefined
  if (field === undefined) throw new AirlockError('TABLE_NOT_FOUND', { phase: 'plan' })
  const table = tableOf(library, field)
  if (table === undefined) throw unsupported(`the root field ${name} gives no list of objects; give graphql.document`)
  if (field.args.some((one) => library.isRequiredArgument(one))) {
    throw unsupported(`the root field ${name} needs arguments; give graphql.document`)
  }
  const record = selectionOf(library, table.record, select)
  const { connection } = table
  const body =
    connection === undefined
      ? record
      : `${connection === 'nodes' ? `nodes { ${record} }` : `edges { node { ${record} } }`} pageInfo { hasNextPage endCursor }`
  const { paging, parameters, values } = pagingOf(library, field, connection !== undefined)
  const head = parameters.length === 0 ? 'query' : `query (${parameters.join(', ')})`
  const argumentsText = values.length === 0 ? '' : `(${values.join(', ')})`
  return { document: `${head} {\n  ${name}${argumentsText} { ${body} }\n}`, records: name, paging }
}

function tableOf(library: GraphqlLibrary, field: Field): TableField | undefined {
  const type = library.getNullableType(field.type)
  if (library.isListType(type)) {
    const record = library.getNamedType(type)
    const flat = !library.isListType(library.getNullableType(type.ofType))
    return flat && library.isObjectType(record) ? { name: field.name, field, record, connection: undefined } : undefined
  }
  if (!library.isObjectType(type)) return undefined
  const { nodes, edges, pageInfo } = type.getFields()
  if (pageInfo === undefined) return undefined
  if (nodes !== undefined) {
    const record = library.getNamedType(nodes.type)
    return library.isObjectType(record) ? { name: field.name, field, record, connection: 'nodes' } : undefined
  }
  const edge = edges && library.getNamedType(edges.type)
  const node = library.isObjectType(edge) ? edge.getFields()['node'] : undefined
  const record = node && library.getNamedType(node.type)
  return library.isObjectType(record) ? { name: field.name, field, record, connection: 'edges' } : undefined
}

/** Names of the fields that a table has as columns: scalars and lists of them, without required arguments. */
export function columnFields(library: GraphqlLibrary, record: GraphQLNamedType): readonly Field[] {
  if (!library.isObjectType(record) && !library.isInterfaceType(record)) return []
  return Object.values(record.getFields()).filter(
    (field) =>
      library.isLeafType(library.getNamedType(field.type)) &&
      !field.args.some((one) => library.isRequiredArgument(one)),
  )
}

/** Whether a list of columns only says what to leave out. */
export function excludesOnly(select: readonly string[] | undefined): boolean {
  return select !== undefined && select.length > 0 && select.every((name) => name.startsWith('-'))
}

function selectionOf(library: GraphqlLibrary, record: GraphQLNamedType, select: readonly string[] | undefined): string {
  const leaves = columnFields(library, record).map(({ name }) => name)
  const wanted = (select ?? []).filter((name) => !name.startsWith('-') && !leaves.includes(name))
  const known = library.isObjectType(record) ? record.getFields() : {}
  const objects = wanted.map((name) => {
    const field = Object.hasOwn(known, name) ? known[name] : undefined
    if (field === undefined) {
      const params = { at: `select.${name}`, suggestion: suggest(name, Object.keys(known)) }
      throw new AirlockError('COLUMN_NOT_FOUND', { phase: 'plan', params })
    }
    const inner = columnFields(library, library.getNamedType(field.type)).map((one) => one.name)
    if (inner.length === 0 || field.args.some((one) => library.isRequiredArgument(one))) {
      throw configInvalid('select', `${name} cannot be selected by its name alone; give graphql.document`)
    }
    return `${name} { ${inner.join(' ')} }`
  })
  const named = select ?? []
  // What is left out is not asked for either.
  const picked = excludesOnly(select)
    ? selectColumns(leaves, select)
    : leaves.filter((name) => named.length === 0 || named.includes(name))
  const all = [...picked, ...objects]
  return all.length === 0 ? '__typename' : all.join(' ')
}

/** Arguments that page a root field, by the names that are in use for them. */
function pagingOf(library: GraphqlLibrary, field: Field, connection: boolean) {
  const type = (name: string) => {
    const argument = field.args.find((one) => one.name === name)
    return argument === undefined ? undefined : String(library.getNullableType(argument.type))
  }
  const wire = (...pairs: readonly (readonly [argument: string, variable: string])[]) => ({
    parameters: pairs.map(([argument, variable]) => `$${variable}: ${type(argument)}`),
    values: pairs.map(([argument, variable]) => `${argument}: $${variable}`),
  })
  const first = (...names: readonly string[]) => names.find((name) => type(name) !== undefined)
  const sized = (name: string | undefined) => (name === undefined ? [] : ([[name, 'size']] as const))
  if (connection) {
    if (type('after') === undefined) return { paging: { kind: 'none' } as GraphqlPaging, parameters: [], values: [] }
    return { paging: { kind: 'relay' } as GraphqlPaging, ...wire(...sized(first('first')), ['after', 'after']) }
  }
  const offset = first('offset', 'skip')
  const page = first('page')
  const size = first('limit', 'first', 'take', 'perPage', 'per_page', 'pageSize')
  const sizeVariable = size === undefined ? {} : { sizeVariable: 'size' }
  if (offset !== undefined) {
    const paging: GraphqlPaging = { kind: 'offset', variable: 'offset', ...sizeVariable }
    return { paging, ...wire(...sized(size), [offset, 'offset']) }
  }
  if (page !== undefined) {
    const paging: GraphqlPaging = { kind: 'page', variable: 'page', ...sizeVariable }
    return { paging, ...wire(...sized(size), [page, 'page']) }
  }
  // The server would cut the list by its own default, and nobody would notice.
  if (size !== undefined)
    throw unsupported(`the root field ${field.name} has a limit and no offset; give graphql.document`)
  return { paging: { kind: 'none' } as GraphqlPaging, parameters: [], values: [] }
}

function unsupported(problem: string): AirlockError {
  return new AirlockError('UNSUPPORTED', { phase: 'plan', params: { problem } })
}
