import type { GraphQLSchema, IntrospectionQuery } from 'graphql'
import { AirlockError, type ErrorCode } from '../../errors/index.js'
import { classifyGraphqlError, GraphqlErrors, HttpError } from './errors.js'
import type { GraphqlTransport } from './http/client.js'
import { type GraphqlLibrary, loadGraphql } from './native.js'
import { exactText } from './read/exact-json.js'

/** Errors that say something of the moment or of the credential, and nothing of introspection. */
const NO_REFUSAL: ReadonlySet<ErrorCode> = new Set(['AUTH_FAILED', 'RATE_LIMITED', 'SERVER_STARTING'])

/** The schema of the service, asked for once in a session. */
export class SchemaSource {
  readonly #transport: GraphqlTransport
  readonly #enabled: boolean
  #schema: GraphQLSchema | null | undefined

  constructor(transport: GraphqlTransport, enabled: boolean) {
    this.#transport = transport
    this.#enabled = enabled
  }

  /** Undefined where the service does not answer introspection, or is not to be asked. Throws PROTOCOL_ERROR for an answer
   * that is no schema. */
  async get(
    signal: AbortSignal,
  ): Promise<{ readonly library: GraphqlLibrary; readonly schema: GraphQLSchema | undefined }> {
    const library = await loadGraphql()
    if (this.#schema === undefined) this.#schema = this.#enabled ? await this.#ask(library, signal) : null
    return { library, schema: this.#schema ?? undefined }
  }

  async #ask(library: GraphqlLibrary, signal: AbortSignal): Promise<GraphQLSchema | null> {
    const document = library.getIntrospectionQuery({ descriptions: false })
    let text: string
    try {
      text = exactText((await this.#transport.execute({ document, repeatable: true }, signal)).data)
    } catch (error) {
      if (isRefusal(error)) return null
      throw error
    }
    try {
      return library.buildClientSchema(JSON.parse(text) as IntrospectionQuery, { assumeValid: true })
    } catch {
      // What the library says repeats the answer.
      throw new AirlockError('PROTOCOL_ERROR', { phase: 'plan' })
    }
  }
}

/** The service understood the query and does not answer it. */
function isRefusal(error: unknown): boolean {
  if (error instanceof GraphqlErrors) return !NO_REFUSAL.has(classifyGraphqlError(error)?.code ?? 'INTERNAL')
  return error instanceof HttpError && (error.status === 403 || (error.graphql && [400, 422].includes(error.status)))
}
