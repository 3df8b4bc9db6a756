import type { GraphQLInputType, GraphQLSchema, TypeNode } from 'graphql'
import type { Batch, Column } from '../../../core/batch.js'
import type { WritePlan } from '../../../core/driver.js'
import type { GraphqlWrite } from '../../../core/graphql-read.js'
import { suggest } from '../../../core/suggest.js'
import { AirlockError } from '../../../errors/index.js'
import type { GraphqlConfig } from '../config.js'
import { configInvalid, type GraphqlDocument, readDocument, variableNames } from '../document.js'
import { MAX_CONNECTIONS } from '../http/client.js'
import type { GraphqlLibrary } from '../native.js'
import { GraphqlPolicies } from '../policies.js'
import type { SchemaSource } from '../schema.js'
import { emptyTree, plant, plantConstant, treeText, type VariableTree } from './variable-tree.js'
import { type ToVariable, toVariable } from './variable-values.js'

/** A write, worked out against the mutation and the schema. */
export interface GraphqlTarget {
  readonly document: string
  readonly rowsPerRequest: number
  readonly concurrency: number
  readonly write: GraphqlWrite
  readonly keyColumns: readonly number[]
  /** Names of the columns → the types of their variables, for plans. */
  readonly columnTypes: Readonly<Record<string, string>>
  /** JSON text of one row: the variables, or an element of their list. Throws VALUE_REJECTED. */
  encode(batch: Batch, row: number): string
  /** JSON text of the variables of a request. */
  variables(rows: readonly string[]): string
}

const AT = 'mutation'

/** Works out a write. Throws CONFIG_INVALID, UNSUPPORTED, KEY_REQUIRED, TYPE_UNSUPPORTED and POLICY_REFUSED before
 * anything of the mutation is sent. */
export async function resolveTarget(
  schemas: SchemaSource,
  config: GraphqlConfig,
  plan: WritePlan,
  columns: readonly Column[],
  signal: AbortSignal,
): Promise<GraphqlTarget> {
  if (config.read_only)
    throw new AirlockError('POLICY_REFUSED', { phase: 'plan', params: { problem: 'the connection is read_only' } })
  const write = plan.graphql
  if (write === undefined)
    throw configInvalid(AT, 'a stream to a GraphQL target needs the mutation that takes its rows')
  if (plan.contract !== undefined && plan.contract !== 'freeze') throw unsupported('it has no contract but freeze')
  if (plan.checksum === true) throw unsupported('it cannot read written rows back for checksums')
  const { library, schema } = await schemas.get(signal)
  const document = readDocument(library, write.document, { kind: 'mutation', at: `${AT}.document`, schema })
  const names = columns.map(({ name }) => name)
  const key = plan.primaryKey ?? columns.filter(({ keyPosition }) => keyPosition > 0).map(({ name }) => name)
  if (write.idempotencyHeader !== undefined && key.length === 0) {
    // Two rows that are alike would be taken for one that came twice.
    throw new AirlockError('KEY_REQUIRED', { phase: 'plan', params: { at: plan.table } })
  }
  const paths = columnPaths(document, write, names, isObjectType(library, schema))
  const types = paths.map((path) => typeAt({ library, schema, document }, path, write))
  const policies = new GraphqlPolicies(plan.policies)
  const values = columns.map((column, index) => toVariable(library, column, types[index], policies))
  const { outer, row } = plantAll(document, write, paths)
  return {
    document: document.text,
    rowsPerRequest: write.rows === undefined ? 1 : (write.batch ?? 100),
    concurrency: Math.min(write.concurrency ?? 1, MAX_CONNECTIONS),
    write,
    keyColumns: key.map((name) => indexOf(names, name)),
    columnTypes: Object.fromEntries(names.map((name, index) => [name, String(types[index] ?? 'unknown')])),
    encode: (batch, at) => encodeRow(row, values, batch, at),
    variables: (rows) => (write.rows === undefined ? rows[0]! : treeText(outer, () => '', `[${rows.join(',')}]`)),
  }
}

function encodeRow(tree: VariableTree, values: readonly ToVariable[], batch: Batch, row: number): string {
  return treeText(tree, (index) => values[index]!(batch.cell(row, index)), '')
}

function plantAll(document: GraphqlDocument, write: GraphqlWrite, paths: readonly (readonly string[])[]) {
  const outer = emptyTree()
  const row = write.rows === undefined ? outer : emptyTree()
  for (const [name, value] of Object.entries(write.variables ?? {}))
    plantConstant(outer, [name], value, `${AT}.variables`)
  if (write.rows !== undefined) plant(outer, write.rows.split('.'), { kind: 'rows' }, `${AT}.rows`)
  for (const [index, path] of paths.entries()) plant(row, path, { kind: 'column', index }, `${AT}.columns`)
  const declared = variableNames(document)
  for (const name of outer.fields.keys()) {
    if (!declared.includes(name)) {
      throw configInvalid(AT, `the mutation has no variable ${name}.${suggest(name, declared)}`.replace(/\.$/, ''))
    }
  }
  return { outer, row }
}

/** Where each column goes. */
function columnPaths(
  document: GraphqlDocument,
  write: GraphqlWrite,
  names: readonly string[],
  isObject: (type: TypeNode) => boolean | undefined,
): readonly (readonly string[])[] {
  const given = write.columns ?? {}
  for (const name of Object.keys(given)) indexOf(names, name)
  const variables = (document.operation.variableDefinitions ?? []).filter(
    ({ variable }) => !Object.hasOwn(write.variables ?? {}, variable.name.value),
  )
  const [only] = variables
  const inside =
    write.rows === undefined && variables.length === 1 && only !== undefined && isObject(only.type) !== false
  return names.map((name) => {
    const path = Object.hasOwn(given, name)
      ? given[name]!
      : inside && only.variable.name.value !== name
        ? `${only.variable.name.value}.${name}`
        : name
    return path.split('.')
  })
}

/** Undefined where the schema is not known and the type is none of the specification's own. */
function isObjectType(library: GraphqlLibrary, schema: GraphQLSchema | undefined) {
  return (type: TypeNode): boolean | undefined => {
    let node = type
    while (node.kind === 'NonNullType') node = node.type
    if (node.kind === 'ListType') return false
    const { value } = node.name
    if (library.specifiedScalarTypes.some(({ name }) => name === value)) return false
    return schema === undefined ? undefined : library.isInputObjectType(schema.getType(value))
  }
}

interface TypeContext {
  readonly library: GraphqlLibrary
  readonly schema: GraphQLSchema | undefined
  readonly document: GraphqlDocument
}

/** The type of the value at a path of a row; undefined where nobody knows. */
function typeAt(context: TypeContext, path: readonly string[], write: GraphqlWrite): GraphQLInputType | undefined {
  const { library } = context
  const full = write.rows === undefined ? path : [...write.rows.split('.'), ...path]
  const depth = write.rows?.split('.').length
  let type = variableType(context, full[0]!)
  for (let step = 1; step < full.length && type !== undefined; step++) {
    let inner: GraphQLInputType = library.getNullableType(type) as GraphQLInputType
    if (step === depth && library.isListType(inner)) inner = library.getNullableType(inner.ofType) as GraphQLInputType
    if (!library.isInputObjectType(inner)) {
      if (library.isScalarType(inner) && !library.isSpecifiedScalarType(inner)) return undefined
      throw configInvalid(`${AT}.columns`, `${full.slice(0, step).join('.')} takes no object`)
    }
    const fields: Readonly<Record<string, { readonly type: GraphQLInputType }>> = inner.getFields()
    const name = full[step]!
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (field === undefined) {
      const problem = `${inner.name} has no field ${name}.${suggest(name, Object.keys(fields))}`
      throw configInvalid(`${AT}.columns`, problem.replace(/\.$/, ''))
    }
    type = field.type
  }
  return type
}

function variableType({ library, schema, document }: TypeContext, name: string): GraphQLInputType | undefined {
  const definition = (document.operation.variableDefinitions ?? []).find(({ variable }) => variable.name.value === name)
  if (definition === undefined) return undefined
  if (schema !== undefined) return library.typeFromAST(schema, definition.type as never) as GraphQLInputType | undefined
  let node: TypeNode = definition.type
  while (node.kind === 'NonNullType') node = node.type
  const named = node.kind === 'NamedType' ? node.name.value : undefined
  return library.specifiedScalarTypes.find((type) => type.name === named)
}

function indexOf(names: readonly string[], name: string): number {
  const index = names.indexOf(name)
  if (index >= 0) return index
  throw new AirlockError('COLUMN_NOT_FOUND', { phase: 'plan', params: { at: name, suggestion: suggest(name, names) } })
}

function unsupported(problem: string): AirlockError {
  return new AirlockError('UNSUPPORTED', { phase: 'plan', params: { problem } })
}
