import type {
  DocumentNode,
  FragmentDefinitionNode,
  GraphQLError,
  GraphQLSchema,
  OperationDefinitionNode,
} from 'graphql'
import { AirlockError } from '../../errors/index.js'
import type { GraphqlLibrary } from './native.js'

/** A document that was parsed and, where the schema is known, validated. */
export interface GraphqlDocument {
  readonly text: string
  readonly operation: OperationDefinitionNode
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>
}

export function configInvalid(at: string, problem: string): AirlockError {
  return new AirlockError('CONFIG_INVALID', { phase: 'plan', params: { at, problem } })
}

/** Reads a document of one query or one mutation. Throws CONFIG_INVALID at `at` for anything else, with the place in the
 * document and the name of what does not fit, never its text: an invalid document is not sent. */
export function readDocument(
  library: GraphqlLibrary,
  text: string,
  options: { readonly kind: 'query' | 'mutation'; readonly at: string; readonly schema: GraphQLSchema | undefined },
): GraphqlDocument {
  const { kind, at, schema } = options
  let node: DocumentNode
  try {
    node = library.parse(text, { maxTokens: 100_000 })
  } catch (error) {
    throw configInvalid(at, `it is no GraphQL document${place(error)}`)
  }
  const operations = node.definitions.filter((one) => one.kind === 'OperationDefinition')
  const [operation] = operations
  if (operation === undefined || operations.length > 1 || operation.operation !== kind) {
    throw configInvalid(at, `it has to hold one ${kind} and no other operation`)
  }
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const one of node.definitions) {
    if (one.kind === 'FragmentDefinition') fragments.set(one.name.value, one)
    else if (one !== operation) throw configInvalid(at, `it has to hold one ${kind} and its fragments`)
  }
  // Rules that need no schema run against an empty one: fragments that are missing, unused, or go in circles.
  const [problem] =
    schema === undefined
      ? library.validate(new library.GraphQLSchema({ assumeValid: true }), node, [
          library.KnownFragmentNamesRule,
          library.NoFragmentCyclesRule,
          library.NoUndefinedVariablesRule,
          library.NoUnusedVariablesRule,
          library.UniqueArgumentNamesRule,
          library.UniqueVariableNamesRule,
          library.UniqueFragmentNamesRule,
        ])
      : library.validate(schema, node)
  if (problem !== undefined) throw configInvalid(at, `it is not valid${place(problem)}`)
  return { text, operation, fragments }
}

/** Names of the variables that the operation declares. */
export function variableNames(document: GraphqlDocument): readonly string[] {
  return (document.operation.variableDefinitions ?? []).map(({ variable }) => variable.name.value)
}

/** Where, and which name; of the message itself nothing, because it repeats values of the document. */
function place(error: unknown): string {
  const { locations, nodes } = error as GraphQLError
  const [location] = locations ?? []
  const [node] = nodes ?? []
  const named = node === undefined ? undefined : node.kind === 'Name' ? node : 'name' in node ? node.name : undefined
  const name = named?.value ?? ''
  const where = location === undefined ? '' : ` at line ${location.line}, column ${location.column}`
  return `${where}${/^\w{1,60}$/.test(name) ? `: ${name}` : ''}`
}
