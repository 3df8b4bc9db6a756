import { buildSchema, GraphQLError, type GraphQLScalarType, type GraphQLSchema } from 'graphql'

/** What stands for JSON text that goes into an answer as it is: numbers with more digits than a double has. */
const RAW = '\u0001raw:'

export const raw = (text: string): string => `${RAW}${text}`

/** JSON with the raw texts in their places. */
export function rawJson(value: unknown): string {
  return JSON.stringify(value).replace(/"\\u0001raw:((?:[^"\\]|\\.)*)"/g, (_, text: string) => JSON.parse(`"${text}"`))
}

const SDL = `
  scalar BigInt
  scalar Decimal
  scalar DateTime
  scalar LocalDateTime
  scalar Date
  scalar Time
  scalar UUID
  scalar JSON
  scalar Money
  enum Colour { RED GREEN }
  interface Node { id: ID! }
  type PageInfo { hasNextPage: Boolean! endCursor: String }
  type Line implements Node { id: ID! sku: String! notes(first: Int, after: String): NoteConnection! }
  type Note { text: String! }
  type NoteConnection { nodes: [Note!]! pageInfo: PageInfo! }
  type LineEdge { node: Line cursor: String! }
  type LineConnection { edges: [LineEdge] pageInfo: PageInfo! totalCount: Int! }
  type Customer { name: String email: String }
  type Order implements Node {
    id: ID!
    number: Int!
    email: String
    total: Decimal
    customer: Customer
    tags: [String!]
    lines(first: Int, after: String): LineConnection!
    secret: String
  }
  type OrderConnection { nodes: [Order] pageInfo: PageInfo! }
  type Person { id: ID! name: String! }
  type Feed { items: [Person!]! next: String }
  type Everything {
    int: Int float: Float boolean: Boolean string: String id: ID big: BigInt decimal: Decimal moment: DateTime
    local: LocalDateTime date: Date time: Time uuid: UUID json: JSON money: Money colour: Colour list: [Int] object: Customer
  }
  type Lonely { id: ID! others(first: Int, after: String): NoteConnection! }
  type Query {
    node(id: ID!): Node
    orders(first: Int, after: String): OrderConnection!
    people(limit: Int, offset: Int): [Person!]!
    pages(page: Int, size: Int): [Person!]!
    feed(cursor: String, limit: Int): Feed!
    capped(limit: Int): [Person!]!
    everything: [Everything]!
    lonely: [Lonely!]!
    others(of: ID!, after: String): NoteConnection!
    find(name: String!): [Person!]!
  }
  input OrderInput { id: ID! number: Int email: String total: Decimal big: BigInt paid: Boolean at: DateTime extra: JSON rate: Float }
  type UserError { message: String! }
  type Created { id: ID userErrors: [UserError!]! }
  type Inserted { affected_rows: Int! }
  type Mutation {
    createOrder(input: OrderInput!): Created
    insertOrders(objects: [OrderInput!]!): Inserted
  }`

interface Connected<T> {
  readonly nodes: readonly T[]
  readonly edges: readonly { readonly node: T; readonly cursor: string }[]
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null }
  readonly totalCount: number
}

function connect<T>(all: readonly T[], first: number, after: string | undefined | null): Connected<T> {
  const from = after == null ? 0 : Number(Buffer.from(after, 'base64').toString()) + 1
  const nodes = all.slice(from, from + first)
  const cursor = (index: number) => Buffer.from(String(index)).toString('base64')
  const last = from + nodes.length
  return {
    nodes,
    edges: nodes.map((node, index) => ({ node, cursor: cursor(from + index) })),
    pageInfo: { hasNextPage: last < all.length, endCursor: nodes.length === 0 ? null : cursor(last - 1) },
    totalCount: all.length,
  }
}

interface Paged {
  readonly first?: number
  readonly after?: string | null
}

/** What the mutations have written, in the order of their arrival. */
export type WrittenRow = Readonly<Record<string, unknown>> & { readonly id: string }

export interface ShopOptions {
  readonly orders: number
  readonly people: number
  /** Lines of each order, and notes of each line. */
  readonly lines: number
  readonly notes: number
  readonly everything: readonly Readonly<Record<string, unknown>>[]
}

/** A shop in memory, behind a real schema. */
export class Shop {
  readonly schema: GraphQLSchema
  readonly written: WrittenRow[] = []
  /** Ids that the mutations refuse with an error. */
  readonly refused = new Set<string>()
  readonly root: Readonly<Record<string, unknown>>
  #options: ShopOptions

  constructor(options: Partial<ShopOptions> = {}) {
    this.#options = { orders: 25, people: 25, lines: 0, notes: 0, everything: [], ...options }
    this.schema = buildSchema(SDL)
    for (const name of ['BigInt', 'Decimal', 'DateTime', 'LocalDateTime', 'Date', 'Time', 'UUID', 'JSON', 'Money']) {
      const type = this.schema.getType(name) as GraphQLScalarType
      type.serialize = (value) => value
      type.parseValue = (value) => value
    }
    this.root = this.#resolvers()
  }

  set(options: Partial<ShopOptions>): void {
    this.#options = { ...this.#options, ...options }
  }

  #resolvers(): Readonly<Record<string, unknown>> {
    const count = (most: number | undefined, byDefault = 10) => Math.min(most ?? byDefault, 50)
    const people = () =>
      Array.from({ length: this.#options.people }, (_, index) => ({ id: `p${index}`, name: `person ${index}` }))
    return {
      node: ({ id }: { id: string }) => this.#node(id),
      orders: ({ first, after }: Paged) => this.#orders(count(first), after),
      people: ({ limit, offset = 0 }: { limit?: number; offset?: number }) =>
        people().slice(offset, offset + count(limit)),
      pages: ({ page = 1, size }: { page?: number; size?: number }) =>
        people().slice((page - 1) * count(size), page * count(size)),
      feed: ({ cursor, limit }: { cursor?: string | null; limit?: number }) => {
        const from = cursor == null ? 0 : Number(cursor)
        const items = people().slice(from, from + count(limit))
        return { items, next: from + items.length < this.#options.people ? String(from + items.length) : null }
      },
      capped: ({ limit }: { limit?: number }) => people().slice(0, count(limit)),
      everything: () => this.#options.everything,
      lonely: () => [{ id: 'l1', others: ({ first, after }: Paged) => this.#notes('l1', count(first, 2), after) }],
      others: ({ of, after }: { of: string; after?: string | null }) => this.#notes(of, 2, after),
      find: ({ name }: { name: string }) => people().filter((one) => one.name === name),
      createOrder: ({ input }: { input: WrittenRow }) => {
        if (this.refused.has(input.id)) throw refusal(input)
        if (Number(input['number']) < 0) return { id: null, userErrors: [{ message: `negative ${input.id}` }] }
        this.written.push({ ...input })
        return { id: input.id, userErrors: [] }
      },
      insertOrders: ({ objects }: { objects: readonly WrittenRow[] }) => {
        const bad = objects.find(({ id }) => this.refused.has(id))
        if (bad !== undefined) throw refusal(bad)
        this.written.push(...objects.map((row) => ({ ...row })))
        return { affected_rows: objects.length }
      },
    }
  }

  #orders(first: number, after: string | null | undefined) {
    const all = Array.from({ length: this.#options.orders }, (_, index) => index)
    const page = connect(all, first, after)
    return { ...page, nodes: page.nodes.map((index) => this.#order(index)) }
  }

  #order(index: number) {
    const id = `o${index}`
    return {
      __typename: 'Order',
      id,
      number: index,
      email: `person${index}@example.com`,
      total: raw(`${index}.10`),
      customer: index % 5 === 4 ? null : { name: `c${index}`, email: null },
      tags: ['a', `t${index}`],
      secret: () => {
        throw new GraphQLError('not for you', { extensions: { code: 'FORBIDDEN' } })
      },
      lines: ({ first, after }: Paged) => {
        const all = Array.from({ length: this.#options.lines }, (_, line) => this.#line(`${id}.${line}`))
        return connect(all, first ?? 2, after)
      },
    }
  }

  #line(id: string) {
    return {
      __typename: 'Line',
      id,
      sku: `sku ${id}`,
      notes: ({ first, after }: Paged) => this.#notes(id, first ?? 2, after),
    }
  }

  #notes(of: string, first: number, after: string | null | undefined) {
    return connect(
      Array.from({ length: this.#options.notes }, (_, index) => ({ text: `${of}#${index}` })),
      first,
      after,
    )
  }

  #node(id: string) {
    if (/^o\d+$/.test(id)) return this.#order(Number(id.slice(1)))
    return /^o\d+\.\d+$/.test(id) ? this.#line(id) : null
  }
}

function refusal(row: WrittenRow): GraphQLError {
  return new GraphQLError(`row ${JSON.stringify(row)} is refused`, { extensions: { code: 'BAD_USER_INPUT' } })
}
