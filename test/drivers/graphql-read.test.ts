import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Batch } from '../../src/core/batch.js'
import { formatType } from '../../src/core/column-type.js'
import type { ExtractRequest } from '../../src/core/driver.js'
import { graphql } from '../../src/drivers/index.js'
import { countSockets, settle } from '../../src/testing/index.js'
import { raw } from './graphql-schema.js'
import { GraphqlServer } from './graphql-server.js'
import { failure } from './support.js'

const ORDERS = `query ($n: Int, $after: String) {
  orders(first: $n, after: $after) { nodes { id number total customer { name } tags } pageInfo { hasNextPage endCursor } }
}`

let server: GraphqlServer
beforeAll(async () => {
  server = await GraphqlServer.start()
})
afterAll(() => server.stop())
beforeEach(() => {
  server.reset()
  return async () => expect(await settle(() => countSockets(server.port), 0, 2_000)).toBe(0)
})

const open = (more: object = {}) => graphql.open({ endpoint: server.url, page_size: 10, ...more }, { name: 'api' })
const objects = async (batches: AsyncIterable<Batch>) => {
  const rows: Record<string, unknown>[] = []
  for await (const batch of batches) rows.push(...batch.objects())
  return rows
}
const read = async (request: ExtractRequest, more: object = {}) => {
  await using session = await open(more)
  return await objects(session.extract(request))
}
/** Requests for data: neither the ping nor introspection. */
const asked = () => server.requests.filter(({ query }) => !/__schema|^\{ __typename \}$/.test(query))
const invalid = async (request: ExtractRequest, at: string) => {
  await using session = await open()
  const before = server.requests.length
  const error = await failure(session.describe(request), 'CONFIG_INVALID')
  expect(error.message).toContain(at)
  await failure(objects(session.extract(request)), 'CONFIG_INVALID')
  // Beside the schema nothing was asked for.
  expect(server.requests.slice(before).filter(({ query }) => !query.includes('__schema'))).toEqual([])
}

describe('records of a GraphQL service', () => {
  it('are the nodes of a connection, page by page, with typed columns', async () => {
    await using session = await open()
    const extraction = session.extract({ graphql: { document: ORDERS } })
    const rows = await objects(extraction)
    expect(rows.map((row) => row['id'])).toEqual(Array.from({ length: 25 }, (_, index) => `o${index}`))
    expect(rows[4]).toEqual({ id: 'o4', number: '4', total: '4.10', customer: null, tags: '["a","t4"]' })
    expect(rows[3]!['customer']).toBe('{"name":"c3"}')
    expect(extraction.rowsRead).toBe(25)
    expect(asked().map(({ variables }) => variables)).toEqual([
      { n: 10 },
      { n: 10, after: 'OQ==' },
      { n: 10, after: 'MTk=' },
    ])
    expect(server.requests.every(({ method, path }) => method === 'POST' && path === '/graphql')).toBe(true)
    const { columns, statement } = await session.describe({ graphql: { document: ORDERS } })
    expect(
      columns.map(({ name, type, nullable, sourceType }) => [name, formatType(type), nullable, sourceType]),
    ).toEqual([
      ['id', 'text', false, 'ID'],
      ['number', 'int32', false, 'Int'],
      ['total', 'decimal', true, 'Decimal'],
      ['customer', 'json', true, 'Customer'],
      ['tags', 'json', true, '[String!]'],
    ])
    expect(statement).toBe(ORDERS)
  })

  it.each([
    ['a table by its name, a connection', { table: 'orders', select: ['id', 'customer'] }, 25],
    ['a table by its name, without a field', { table: 'orders', select: ['-secret', '-email'] }, 25],
    ['a table by its name, a list', { table: 'people' }, 25],
    ['a table by its name, numbered pages', { table: 'pages' }, 25],
    ['a query alone', { query: ORDERS }, 25],
    ['a path to the nodes', { graphql: { document: ORDERS, records: 'orders.nodes' } }, 25],
    [
      'a cursor of its own',
      {
        graphql: {
          document: 'query ($c: String, $l: Int) { feed(cursor: $c, limit: $l) { items { id } next } }',
          records: 'feed.items',
          paging: { kind: 'cursor', next: 'feed.next', variable: 'c', size: 7, sizeVariable: 'l' },
        },
      },
      25,
    ],
    [
      'an offset',
      {
        graphql: {
          document: 'query ($o: Int!) { people(limit: 9, offset: $o) { id } }',
          paging: { kind: 'offset', variable: 'o' },
        },
      },
      25,
    ],
    ['an object alone', { graphql: { document: '{ node(id: "o3") { id ... on Order { number } } }' } }, 1],
  ] as const)('are found by %s', async (_, request, count) => {
    const rows = await read(request as ExtractRequest)
    expect(new Set(rows.map((row) => row['id'])).size).toBe(count)
    expect(rows).toHaveLength(count)
  })

  it('are read without a schema where the service does not show it', async () => {
    server.introspection = false
    const rows = await read({ graphql: { document: ORDERS } })
    expect(rows).toHaveLength(25)
    expect(rows[4]).toEqual({ id: 'o4', number: '4', total: '4.10', customer: null, tags: '["a","t4"]' })
    expect(await read({ graphql: { document: ORDERS } }, { introspection: 'off' })).toHaveLength(25)
    await using session = await open()
    await failure(session.describe({ table: 'orders' }), 'UNSUPPORTED')
    const fields = { n: { path: 'number', type: 'int64' }, who: { path: 'customer.name' } }
    const { columns } = await session.describe({ graphql: { document: ORDERS, fields } })
    expect(columns.map(({ name, type }) => [name, type.kind])).toEqual([
      ['n', 'int64'],
      ['who', 'text'],
    ])
  })

  it('become columns by their paths, and by select', async () => {
    const fields = { who: { path: 'customer.name' }, n: { path: 'number', type: 'int64' } }
    const rows = await read({ graphql: { document: ORDERS, fields }, select: ['n', 'who'] })
    expect(rows.slice(3, 5)).toEqual([
      { n: '3', who: 'c3' },
      { n: '4', who: null },
    ])
  })

  it('keep every digit, and every null', async () => {
    const exact = {
      int: -2147483648,
      float: 1.5,
      boolean: true,
      string: 'é"\\\u0001😀',
      id: 'x',
      big: raw('-9223372036854775808'),
      decimal: raw('12345678901234567890.12345678901234567890'),
      moment: '2024-02-29T23:59:59.123456+02:00',
      local: '2024-02-29T23:59:59',
      date: '2024-02-29',
      time: '23:59:59.5',
      uuid: '123E4567-E89B-12D3-A456-426614174000',
      json: raw('{"b": 1.10, "a": [12345678901234567890], "b": null}'),
      money: raw('1.10'),
      colour: 'RED',
      list: [1, null],
      object: { name: null, email: 'e' },
    }
    const nothing = Object.fromEntries(Object.keys(exact).map((name) => [name, null]))
    server.shop.set({ everything: [exact, nothing, null as never, { ...exact, big: '18', decimal: raw('-1.5e3') }] })
    await using session = await open()
    const document = `{ everything { int float boolean string id big decimal moment local date time uuid json money colour list object { name email } } }`
    const extraction = session.extract({ graphql: { document } })
    const [first, second, third, ...more] = await objects(extraction)
    expect(first).toEqual({
      int: '-2147483648',
      float: '1.5',
      boolean: 't',
      string: 'é"\\\u0001😀',
      id: 'x',
      big: '-9223372036854775808',
      decimal: '12345678901234567890.12345678901234567890',
      moment: '2024-02-29 21:59:59.123456+00',
      local: '2024-02-29 23:59:59',
      date: '2024-02-29',
      time: '23:59:59.5',
      uuid: '123e4567-e89b-12d3-a456-426614174000',
      json: '{"b": 1.10, "a": [12345678901234567890], "b": null}',
      money: '1.10',
      colour: 'RED',
      list: '[1,null]',
      object: '{"name":null,"email":"e"}',
    })
    expect(second).toEqual(nothing)
    expect([third!['big'], third!['decimal']]).toEqual(['18', '-1500'])
    // A null in the place of a record is no row, and counted.
    expect([more.length, extraction.policyCounts]).toEqual([0, { null_records: 1 }])
    await failure(
      objects(session.extract({ graphql: { document }, policies: { null_records: 'error' } })),
      'VALUE_POLICY',
    )
  })

  it.each([
    ['int', 1.5],
    ['int', raw('2147483648')],
    ['big', raw('9223372036854775808')],
    ['boolean', raw('1')],
    ['date', '2023-02-29'],
    ['moment', 'yesterday'],
    ['uuid', 'no-uuid'],
    ['decimal', 'twelve'],
  ])('are refused where a value is none of its type: %s', async (column, value) => {
    server.shop.set({ everything: [{ [column]: value }] })
    // The server's own check is in the way of these two.
    const type = server.shop.schema.getType('Int') as unknown as { serialize: (v: unknown) => unknown }
    const bool = server.shop.schema.getType('Boolean') as unknown as { serialize: (v: unknown) => unknown }
    const before = [type.serialize, bool.serialize] as const
    type.serialize = bool.serialize = (v) => v
    try {
      await using session = await open()
      const error = await failure(
        objects(session.extract({ graphql: { document: `{ everything { ${column} } }` } })),
        'VALUE_MISTYPED',
      )
      expect(error.message).toContain(column)
      expect(error.message).not.toContain(String(value))
    } finally {
      ;[type.serialize, bool.serialize] = before
    }
  })

  it('settle times without a zone and with nanoseconds by policy, counted', async () => {
    server.shop.set({ everything: [{ moment: '2024-01-02T03:04:05.123456789' }, { moment: '2024-01-02 03:04Z' }] })
    await using session = await open()
    const graphqlRead = { document: '{ everything { moment } }' }
    await failure(objects(session.extract({ graphql: graphqlRead })), 'VALUE_POLICY')
    const policies = { zoneless_times: 'utc', time_fractions: 'truncate' }
    const extraction = session.extract({ graphql: graphqlRead, policies })
    expect((await objects(extraction)).map(({ moment }) => moment)).toEqual([
      '2024-01-02 03:04:05.123456+00',
      '2024-01-02 03:04:00+00',
    ])
    expect(extraction.policyCounts).toEqual({ time_fractions: 1, zoneless_times: 1 })
  })
})

describe('the catalogue of a GraphQL service', () => {
  it('lists the root fields that can be read by their name, with their columns', async () => {
    await using session = await open()
    const { tables } = await session.discover({})
    expect(tables.map(({ name }) => name)).toEqual(['capped', 'everything', 'lonely', 'orders', 'pages', 'people'])
    const [orders] = (await session.discover({ table: 'orders' })).tables
    expect(orders!.columns.map(({ name, type }) => `${name} ${type.kind}`)).toEqual([
      ...['id text', 'number int32', 'email text', 'total decimal', 'tags json', 'secret text'],
    ])
    await failure(session.discover({ table: 'nowhere' }), 'TABLE_NOT_FOUND')
    server.introspection = false
    await using blind = await open()
    await failure(blind.discover({}), 'UNSUPPORTED')
  })
})

describe('a connection within a record', () => {
  const document = `query ($after: String) { orders(first: 10, after: $after) { pageInfo { hasNextPage endCursor } nodes {
    id lines(first: 2) { edges { node { ...L } } pageInfo { hasNextPage endCursor } } } } }
    fragment L on Line { id sku notes(first: 1) { nodes { text } pageInfo { hasNextPage endCursor } } }`

  it('is read past its first page, at every depth, into one list', async () => {
    server.shop.set({ orders: 3, lines: 5, notes: 3 })
    const rows = await read({ graphql: { document } })
    const lines = (order: number) =>
      Array.from({ length: 5 }, (_, line) => ({
        id: `o${order}.${line}`,
        sku: `sku o${order}.${line}`,
        notes: Array.from({ length: 3 }, (_, note) => ({ text: `o${order}.${line}#${note}` })),
      }))
    expect(rows.map(({ lines }) => JSON.parse(String(lines)))).toEqual([lines(0), lines(1), lines(2)])
  })

  it('is refused before anything is read where its further pages would go unnoticed', () =>
    invalid({ graphql: { document: '{ people { id } everything { id } }' } }, 'graphql.records').then(() =>
      invalid(
        {
          graphql: {
            document:
              'query ($a: String) { orders(after: $a) { nodes { id lines { edges { node { id } } } } pageInfo { hasNextPage endCursor } } }',
          },
        },
        'pageInfo',
      ),
    ))

  it('is followed by a document of its own, or not at all', async () => {
    server.shop.set({ notes: 5 })
    const lonely = '{ lonely { id others(first: 2) { nodes { text } pageInfo { hasNextPage endCursor } } } }'
    await using session = await open()
    await failure(objects(session.extract({ graphql: { document: lonely } })), 'UNSUPPORTED')
    const nested = {
      others: {
        document:
          'query ($of: ID!, $c: String) { others(of: $of, after: $c) { nodes { text } pageInfo { hasNextPage endCursor } } }',
        records: 'others',
        variables: { of: 'id' },
        after: 'c',
      },
    }
    const [row] = await objects(session.extract({ graphql: { document: lonely, nested } }))
    expect(JSON.parse(String(row!['others']))).toHaveLength(5)
  })
})

describe('CN-15 a document that does not fit', () => {
  const orders = (inner: string) => ({
    graphql: { document: `query ($after: String) { orders(after: $after) { ${inner} } }` },
  })
  it.each([
    ['no GraphQL', { graphql: { document: '{ orders { ' } }, 'line 1'],
    ['an unknown field', orders('nodes { id nmae } pageInfo { hasNextPage endCursor }'), 'nmae'],
    ['a mutation', { graphql: { document: 'mutation { createOrder(input: {id: 1}) { id } }' } }, 'one query'],
    ['two operations', { graphql: { document: 'query A { people { id } } query B { people { id } }' } }, 'one query'],
    [
      'a cursor that leads nowhere',
      { graphql: { document: '{ orders(after: "x") { nodes { id } pageInfo { hasNextPage endCursor } } }' } },
      '(after: $cursor)',
    ],
    ['a connection without its end', orders('nodes { id }'), 'pageInfo'],
    ['a path that is not selected', { graphql: { document: ORDERS, records: 'ordres' } }, 'Did you mean'],
    [
      'a column that is not selected',
      { graphql: { document: ORDERS, fields: { a: { path: 'nmber' } } } },
      'graphql.fields.a',
    ],
    [
      'a path through a list',
      {
        graphql: {
          document: '{ lonely { id others { nodes { text } pageInfo { hasNextPage endCursor } } } }',
          records: 'lonely.others',
        },
      },
      'list',
    ],
    ['an unknown variable', { graphql: { document: ORDERS, variables: { m: 1 } } }, 'graphql.variables.m'],
    [
      'a paging variable that is not there',
      { graphql: { document: '{ people { id } }', paging: { kind: 'offset', variable: 'o' } } },
      'variable o',
    ],
    ['a table and a document', { table: 'orders', graphql: { document: ORDERS } }, 'one of'],
  ] as const)('is refused here and not sent: %s', (_, request, at) => invalid(request as ExtractRequest, at))

  it('is refused without a schema too, as far as that can be seen', async () => {
    server.introspection = false
    await invalid({ graphql: { document: '{ orders { ' } }, 'line 1')
    await invalid({ graphql: { document: '{ orders { ...missing } }' } }, 'missing')
  })

  it.each([
    ['nowhere', 'TABLE_NOT_FOUND'],
    ['node', 'UNSUPPORTED'],
    ['find', 'UNSUPPORTED'],
    ['capped', 'UNSUPPORTED'],
  ] as const)('has a code for a table that is none: %s', async (table, code) => {
    await using session = await open()
    await failure(session.describe({ table }), code)
  })
})
