import { AirlockError } from '../../../errors/index.js'
import type { GraphqlTransport } from '../http/client.js'
import { at, broken } from '../paths.js'
import type { Branch, NestedConnection } from './branch.js'
import { connectionPage } from './connection-page.js'
import { type ExactJson, type ExactObject, exactText } from './exact-json.js'

export interface CompleteOptions {
  readonly transport: GraphqlTransport
  /** The variables of the document, each as JSON text. */
  readonly variables: ReadonlyMap<string, string>
  readonly maxPages: number
  readonly partial: boolean
  readonly signal: AbortSignal
}

/** Writes values with connections in them as JSON text: each connection as the list of all its records, its further pages
 * asked for one after the other. */
export class Completer {
  readonly #options: CompleteOptions

  constructor(options: CompleteOptions) {
    this.#options = options
  }

  /** `owner` is the object that the value is a field of, `record` the record that all of it belongs to. */
  async text(value: ExactJson, branch: Branch | undefined, owner: ExactObject, record: ExactObject): Promise<string> {
    if (branch === undefined || value.kind === 'null') return exactText(value)
    if (branch.connection !== undefined) return await this.#records(value, branch.connection, owner, record)
    if (value.kind === 'list') {
      const items: string[] = []
      for (const item of value.items) items.push(await this.text(item, branch, owner, record))
      return `[${items.join(',')}]`
    }
    if (value.kind !== 'object') throw broken()
    const fields: string[] = []
    for (const [name, field] of value.fields) {
      fields.push(`${JSON.stringify(name)}:${await this.text(field, branch.fields.get(name), value, record)}`)
    }
    return `{${fields.join(',')}}`
  }

  async #records(
    first: ExactJson,
    connection: NestedConnection,
    owner: ExactObject,
    record: ExactObject,
  ): Promise<string> {
    const texts: string[] = []
    const seen = new Set<string>()
    let page = connectionPage(first, connection.shape)
    for (let pages = 1; ; pages++) {
      for (const item of page.records) texts.push(await this.text(item, connection.record, owner, record))
      if (page.next === undefined) return `[${texts.join(',')}]`
      if (seen.has(page.next)) throw pagingFailed(connection.name, 'a cursor came a second time')
      if (pages >= this.#options.maxPages) throw pagingFailed(connection.name, `there are more than ${pages}`)
      seen.add(page.next)
      page = connectionPage(await this.#next(connection, page.next, owner, record), connection.shape)
    }
  }

  async #next(
    { name, follow }: NestedConnection,
    cursor: string,
    owner: ExactObject,
    record: ExactObject,
  ): Promise<ExactJson> {
    if (follow === undefined) {
      const problem = `${name} has a further page and the schema no node(id:) for it; give graphql.nested, or a larger \`first\``
      throw new AirlockError('UNSUPPORTED', { phase: 'extract', params: { problem } })
    }
    const { transport, partial, signal } = this.#options
    const variables = new Map([...this.#options.variables].filter(([variable]) => follow.keeps.includes(variable)))
    for (const [variable, path] of follow.variables) {
      const value = at(follow.ofRecord ? record : owner, path)
      if (value === undefined || value.kind === 'null') throw broken()
      variables.set(variable, exactText(value))
    }
    variables.set(follow.after, JSON.stringify(cursor))
    const request = { document: follow.document, variables: jsonObject(variables), repeatable: true, partial }
    const { data } = await transport.execute(request, signal)
    const value = at(data, follow.records)
    if (value === undefined || value.kind === 'null') throw broken()
    return value
  }
}

/** The JSON text of an object whose values are JSON texts. */
export function jsonObject(fields: ReadonlyMap<string, string>): string {
  return `{${[...fields].map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`
}

/** `at` names a stream's records or a connection. */
export function pagingFailed(records: string, problem: string): AirlockError {
  return new AirlockError('PAGING_FAILED', { phase: 'extract', params: { at: records, problem } })
}
