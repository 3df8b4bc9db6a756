import type { FieldNode, GraphQLNamedType, GraphQLOutputType, GraphQLSchema, SelectionSetNode } from 'graphql'
import type { GraphqlDocument } from '../document.js'
import type { GraphqlLibrary } from '../native.js'

/** A field of a selection, under the name that it has in the answer. */
export interface SelectedField {
  readonly name: string
  /** Several where fragments select it more than once. */
  readonly nodes: readonly FieldNode[]
  /** Undefined where the schema is not known. */
  readonly type: GraphQLOutputType | undefined
  /** The type whose field it is. */
  readonly parent: GraphQLNamedType | undefined
  /** It may be missing although its type has no null: a directive, or a fragment on one of several types. */
  readonly conditional: boolean
}

/** How a connection was selected. */
export interface ConnectionShape {
  /** Where its records are. */
  readonly list: 'nodes' | 'edges'
  /** The edges hold nothing but their node. */
  readonly unwrap: boolean
  /** `pageInfo` with `hasNextPage` and `endCursor` is there. */
  readonly paged: boolean
}

interface Part {
  readonly node: SelectionSetNode
  readonly parent: GraphQLNamedType | undefined
  readonly conditional: boolean
}

/** Walks the fields of a document, through its fragments, along the schema where that is known. */
export class Selection {
  readonly #library: GraphqlLibrary
  readonly #document: GraphqlDocument
  readonly #schema: GraphQLSchema | undefined

  constructor(library: GraphqlLibrary, document: GraphqlDocument, schema: GraphQLSchema | undefined) {
    this.#library = library
    this.#document = document
    this.#schema = schema
  }

  /** The fields of the operation. */
  root(): readonly SelectedField[] {
    const { operation } = this.#document
    const parent = this.#schema?.getRootType(operation.operation) ?? undefined
    return this.#fields([{ node: operation.selectionSet, parent, conditional: false }])
  }

  /** The fields that are selected of a field's value; none for a scalar. */
  children(field: SelectedField): readonly SelectedField[] {
    const parent = field.type === undefined ? undefined : this.#library.getNamedType(field.type)
    const sets = field.nodes.flatMap(({ selectionSet }) =>
      selectionSet === undefined ? [] : [{ node: selectionSet, parent, conditional: false }],
    )
    return this.#fields(sets)
  }

  child(field: SelectedField, name: string): SelectedField | undefined {
    return this.children(field).find((one) => one.name === name)
  }

  /** Whether the value is a list; undefined where nobody knows. */
  isList(field: SelectedField): boolean | undefined {
    return field.type === undefined ? undefined : this.#library.isListType(this.#library.getNullableType(field.type))
  }

  isObject(field: SelectedField): boolean {
    return field.nodes.some(({ selectionSet }) => selectionSet !== undefined)
  }

  isNullable(field: SelectedField): boolean {
    return field.conditional || field.type === undefined || !this.#library.isNonNullType(field.type)
  }

  /** How the field was selected as a connection (https://relay.dev/graphql/connections.htm); undefined if it is none. */
  connection(field: SelectedField): ConnectionShape | undefined {
    if (this.isList(field) === true) return undefined
    const fields = this.children(field)
    const of = (name: string) => fields.find((one) => one.name === name && one.nodes[0]?.name.value === name)
    const nodes = of('nodes')
    const edges = of('edges')
    const node = edges && this.child(edges, 'node')
    if ((nodes ?? node) === undefined) return undefined
    const pageInfo = of('pageInfo')
    if (pageInfo === undefined && !this.#hasPageInfo(field)) return undefined
    const info = pageInfo === undefined ? [] : this.children(pageInfo).map(({ name }) => name)
    const others =
      edges === undefined
        ? []
        : this.children(edges).filter(({ name }) => !['node', 'cursor', '__typename'].includes(name))
    return {
      list: nodes === undefined ? 'edges' : 'nodes',
      unwrap: nodes === undefined && others.length === 0,
      paged: info.includes('hasNextPage') && info.includes('endCursor'),
    }
  }

  /** What stands for one record of a connection: its node, or an edge that holds more than that. */
  recordOf(field: SelectedField, { list, unwrap }: ConnectionShape): SelectedField {
    const items = this.child(field, list)!
    return unwrap ? this.child(items, 'node')! : items
  }

  #hasPageInfo(field: SelectedField): boolean {
    const type = field.type === undefined ? undefined : this.#library.getNamedType(field.type)
    return this.#library.isObjectType(type) && Object.hasOwn(type.getFields(), 'pageInfo')
  }

  #fields(sets: readonly Part[]): readonly SelectedField[] {
    const found = new Map<string, SelectedField>()
    const seen = new Set<string>()
    const visit = ({ node, parent, conditional }: Part): void => {
      for (const one of node.selections) {
        const unsure = conditional || (one.directives ?? []).length > 0
        if (one.kind === 'Field') this.#add(found, one, parent, unsure)
        else {
          const fragment = one.kind === 'InlineFragment' ? one : this.#document.fragments.get(one.name.value)
          if (fragment === undefined) continue
          if (one.kind === 'FragmentSpread') {
            if (seen.has(one.name.value)) continue
            seen.add(one.name.value)
          }
          const name = fragment.typeCondition?.name.value
          const narrowed = name === undefined ? parent : this.#schema?.getType(name)
          visit({ node: fragment.selectionSet, parent: narrowed, conditional: unsure || narrowed !== parent })
        }
      }
    }
    for (const set of sets) visit(set)
    return [...found.values()]
  }

  #add(found: Map<string, SelectedField>, node: FieldNode, parent: GraphQLNamedType | undefined, unsure: boolean) {
    const name = node.alias?.value ?? node.name.value
    const before = found.get(name)
    found.set(name, {
      name,
      nodes: [...(before?.nodes ?? []), node],
      type: before?.type ?? this.#typeOf(node, parent),
      parent: before?.parent ?? parent,
      conditional: unsure && before?.conditional !== false,
    })
  }

  #typeOf(node: FieldNode, parent: GraphQLNamedType | undefined): GraphQLOutputType | undefined {
    if (parent === undefined) return undefined
    const { value: name } = node.name
    const { GraphQLNonNull, GraphQLString, isInterfaceType, isObjectType } = this.#library
    if (name === '__typename') return new GraphQLNonNull(GraphQLString)
    if (!isObjectType(parent) && !isInterfaceType(parent)) return undefined
    const fields = parent.getFields()
    return Object.hasOwn(fields, name) ? fields[name]?.type : undefined
  }
}
