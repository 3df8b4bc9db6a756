import type { FieldNode, FragmentDefinitionNode, SelectionSetNode } from 'graphql'
import type { GraphqlLibrary } from '../native.js'
import type { BranchContext, Follow } from './branch.js'
import type { SelectedField } from './selection.js'

const AFTER = 'airlockAfter'
const ID = 'airlockId'

/** A query for more of a nested connection through `node(id:)`, the refetch field of Relay's server specification
 * (https://relay.dev/graphql/objectidentification.htm). Undefined where the schema has none, where the object has no
 * place in it, or where its `id` was not selected. */
export function followDocument(field: SelectedField, owner: SelectedField, context: BranchContext): Follow | undefined {
  const { library, schema, document, selection } = context
  const type = owner.type === undefined ? undefined : library.getNamedType(owner.type)
  const refetch = schema?.getQueryType()?.getFields()['node']
  const idArgument = refetch?.args.find(({ name }) => name === 'id')
  const refetched = refetch && library.getNamedType(refetch.type)
  const id = selection.children(owner).find(({ nodes }) => nodes[0]?.name.value === 'id')
  if (idArgument === undefined || !library.isObjectType(type) || !library.isInterfaceType(refetched)) return undefined
  if (id === undefined || !type.getInterfaces().includes(refetched)) return undefined
  const definition = type.getFields()[field.nodes[0]!.name.value]
  const after = definition?.args.find(({ name }) => name === 'after')
  if (after === undefined || refetch?.args.some((one) => one !== idArgument && library.isRequiredArgument(one))) {
    return undefined
  }
  const nodes = field.nodes.map((node) => withCursor(library, node))
  const fragments = usedFragments(library, nodes, document.fragments)
  const variables = usedVariables(library, [...nodes, ...fragments])
  const kept = (document.operation.variableDefinitions ?? []).filter(({ variable }) =>
    variables.has(variable.name.value),
  )
  const cursorType = String(library.getNullableType(after.type))
  const parameters = [
    `$${ID}: ${idArgument.type}`,
    `$${AFTER}: ${cursorType}`,
    ...kept.map((one) => library.print(one)),
  ]
  const text = [
    `query (${parameters.join(', ')}) {`,
    `  node(id: $${ID}) { ... on ${type.name} { ${nodes.map((node) => library.print(node)).join('\n')} } }`,
    '}',
    ...fragments.map((one) => library.print(one)),
  ].join('\n')
  return {
    document: text,
    records: ['node', field.name],
    variables: new Map([[ID, [id.name]]]),
    ofRecord: false,
    keeps: kept.map(({ variable }) => variable.name.value),
    after: AFTER,
  }
}

function withCursor({ Kind }: GraphqlLibrary, node: FieldNode): FieldNode {
  const name = (value: string) => ({ kind: Kind.NAME, value })
  const cursor = { kind: Kind.ARGUMENT, name: name('after'), value: { kind: Kind.VARIABLE, name: name(AFTER) } }
  const others = (node.arguments ?? []).filter((one) => one.name.value !== 'after')
  return { ...node, arguments: [...others, cursor] } as FieldNode
}

/** In the order in which they are found. */
function usedFragments(
  { visit }: GraphqlLibrary,
  nodes: readonly FieldNode[],
  known: ReadonlyMap<string, FragmentDefinitionNode>,
): readonly FragmentDefinitionNode[] {
  const used = new Set<FragmentDefinitionNode>()
  const search = (node: FieldNode | SelectionSetNode): void => {
    visit(node, {
      FragmentSpread: ({ name }) => {
        const fragment = known.get(name.value)
        if (fragment === undefined || used.has(fragment)) return
        used.add(fragment)
        search(fragment.selectionSet)
      },
    })
  }
  for (const node of nodes) search(node)
  return [...used]
}

function usedVariables({ visit }: GraphqlLibrary, nodes: readonly (FieldNode | FragmentDefinitionNode)[]): Set<string> {
  const used = new Set<string>()
  for (const node of nodes) {
    visit(node, {
      Variable: ({ name }) => {
        if (name.value !== AFTER) used.add(name.value)
      },
    })
  }
  return used
}
