import type { GraphQLSchema } from 'graphql'
import type { GraphqlNested } from '../../../core/graphql-read.js'
import { configInvalid, type GraphqlDocument, readDocument } from '../document.js'
import type { GraphqlLibrary } from '../native.js'
import { followDocument } from './follow-document.js'
import type { ConnectionShape, SelectedField, Selection } from './selection.js'

/** What has to be completed in a value, because there are connections in it. */
export interface Branch {
  /** The value is a connection: it becomes the list of its records. */
  readonly connection?: NestedConnection
  /** By name, for an object, or for each object of a list. */
  readonly fields: ReadonlyMap<string, Branch>
}

export interface NestedConnection {
  /** As plans and errors call it. */
  readonly name: string
  readonly shape: ConnectionShape
  /** What in a record has to be completed. */
  readonly record: Branch | undefined
  readonly follow: Follow | undefined
}

/** How the next page of a nested connection is asked for. */
export interface Follow {
  readonly document: string
  /** Path of the connection in `data`. */
  readonly records: readonly string[]
  /** Variable → path in the object that the connection belongs to, or in the record for a configured one. */
  readonly variables: ReadonlyMap<string, readonly string[]>
  readonly ofRecord: boolean
  /** Variables of the stream's document that this one declares too. */
  readonly keeps: readonly string[]
  readonly after: string
}

export interface BranchContext {
  readonly library: GraphqlLibrary
  readonly schema: GraphQLSchema | undefined
  readonly document: GraphqlDocument
  readonly selection: Selection
  readonly nested: Readonly<Record<string, GraphqlNested>>
}

/** What has to be completed in the values of a field; undefined where there is nothing. Throws CONFIG_INVALID for a
 * connection whose further pages would go unnoticed. */
export function branchOf(
  field: SelectedField,
  owner: SelectedField,
  name: string,
  context: BranchContext,
): Branch | undefined {
  const { selection } = context
  const shape = selection.connection(field)
  if (shape !== undefined) {
    if (!shape.paged) throw configInvalid('graphql.document', `${name} needs pageInfo { hasNextPage endCursor }`)
    const record = fieldsOf(selection.recordOf(field, shape), name, context)
    const follow = followOf(field, owner, name, context)
    return { connection: { name, shape, record, follow }, fields: new Map() }
  }
  return fieldsOf(field, name, context)
}

function fieldsOf(field: SelectedField, name: string, context: BranchContext): Branch | undefined {
  const found = context.selection.children(field).flatMap((child): [string, Branch][] => {
    const branch = branchOf(child, field, `${name}.${child.name}`, context)
    return branch === undefined ? [] : [[child.name, branch]]
  })
  return found.length === 0 ? undefined : { fields: new Map(found) }
}

function followOf(
  field: SelectedField,
  owner: SelectedField,
  name: string,
  context: BranchContext,
): Follow | undefined {
  const configured = Object.hasOwn(context.nested, name) ? context.nested[name] : undefined
  if (configured === undefined) return followDocument(field, owner, context)
  const at = `graphql.nested.${name}.document`
  readDocument(context.library, configured.document, { kind: 'query', at, schema: context.schema })
  return {
    document: configured.document,
    records: configured.records.split('.'),
    variables: new Map(Object.entries(configured.variables).map(([variable, path]) => [variable, path.split('.')])),
    ofRecord: true,
    keeps: [],
    after: configured.after,
  }
}
