import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Batch } from '../../src/core/batch.js'
import type { WritePlan } from '../../src/core/driver.js'
import type { GraphqlWrite } from '../../src/core/graphql-read.js'
import { AirlockError, type ErrorCode } from '../../src/errors/index.js'
import { type GraphqlFault, GraphqlServer } from './graphql-server.js'
import { expectNoSockets, failAt, openAt } from './graphql-support.js'
import { everythingIn } from './leaks.js'
import { batches, batchOf, type Cell, column } from './rows.js'
import { canary, failure } from './support.js'

const ONE = 'mutation ($input: OrderInput!) { createOrder(input: $input) { id userErrors { message } } }'
const MANY = 'mutation ($objects: [OrderInput!]!) { insertOrders(objects: $objects) { affected_rows } }'
const COLUMNS = [column('id', 'text', { keyPosition: 1 }), column('number', 'int32')]

let server: GraphqlServer
beforeAll(async () => {
  server = await GraphqlServer.start()
})
afterAll(() => server.stop())
beforeEach(() => {
  server.reset()
  return () => expectNoSockets(server)
})

const rows = (count: number, first = 0): Cell[][] =>
  Array.from({ length: count }, (_, index) => [`r${first + index}`, String(first + index)])
const plan = (graphql: Partial<GraphqlWrite>, more: Partial<WritePlan> = {}): WritePlan => ({
  table: 'orders',
  mode: 'append',
  graphql: { document: ONE, ...graphql },
  ...more,
})
const write = async (given: WritePlan, source: AsyncIterable<Batch>, more: object = {}, signal?: AbortSignal) => {
  await using session = await openAt(server, more)
  return await session.write(given, source, signal)
}
const mutations = () => server.requests.filter(({ query }) => query.startsWith('mutation'))
const ids = () => server.shop.written.map(({ id }) => id)

describe('rows for a GraphQL service', () => {
  it('go one by one into the only variable, or as a list, counted', async () => {
    const receipt = await write(plan({}), batches(COLUMNS, rows(3), rows(2, 3)))
    expect(receipt).toMatchObject({ rowsSent: 5, rowsConfirmed: 5, rowsCounted: 5, route: 'mutation per row' })
    expect(server.shop.written).toEqual(rows(5).map(([id, number]) => ({ id, number: Number(number) })))
    const many = { document: MANY, rows: 'objects', batch: 4, count: 'insertOrders.affected_rows' }
    expect(await write(plan(many), batches(COLUMNS, rows(10, 5)))).toMatchObject({ rowsSent: 10, rowsConfirmed: 10 })
    expect(ids()).toEqual(rows(15).map(([id]) => id))
    expect(mutations()).toHaveLength(5 + 3)
    expect(await write(plan(many), batches(COLUMNS))).toMatchObject({ rowsSent: 0, rowsCounted: 0 })
  })

  it('keep every digit: what a double cannot hold goes as text (bodies)', async () => {
    const columns = [
      ...[column('id', 'int64'), column('number', 'int64'), column('total', 'decimal'), column('big', 'int64')],
      ...[column('paid', 'boolean'), column('at', 'timestamptz'), column('extra', 'json'), column('rate', 'float64')],
      column('email', 'bytes'),
    ]
    const source = batches(columns, [
      [
        ...['9007199254740993', '-2147483648', '12345678901234567890.10', '9223372036854775807', 't'],
        ...['2024-02-29 21:59:59.123456+00', '{"n": 12345678901234567890}', '1e+21', 'é"\\'],
      ],
      ['2', null, null, null, null, null, null, null, null],
    ])
    await write(plan({}), source)
    const base64 = Buffer.from('é"\\').toString('base64')
    expect(mutations()[0]!.body).toContain(
      `"variables":{"input":{"id":"9007199254740993","number":-2147483648,"total":"12345678901234567890.10",` +
        `"big":"9223372036854775807","paid":true,"at":"2024-02-29T21:59:59.123456Z",` +
        `"extra":{"n": 12345678901234567890},"rate":1e+21,"email":"${base64}"}}`,
    )
    expect(server.shop.written.at(-1)).toEqual({
      id: '2',
      ...Object.fromEntries(columns.slice(1).map(({ name }) => [name, null])),
    })
  })

  it('go where the mapping says, beside constants', async () => {
    const columns = [column('key', 'text'), column('n', 'int32')]
    const mapped = { columns: { key: 'input.id', n: 'input.number' }, variables: { input: { email: 'x@example.com' } } }
    await write(plan(mapped), batches(columns, [['a', '1']]))
    const many = { document: MANY, rows: 'objects', columns: { key: 'id', n: 'number' } }
    await write(plan(many), batches(columns, [['b', '2']]))
    expect(server.shop.written).toEqual([
      { email: 'x@example.com', id: 'a', number: 1 },
      { id: 'b', number: 2 },
    ])
    server.introspection = false
    await write(plan(mapped), batches(columns, [['c', '3']]))
    expect(ids()).toEqual(['a', 'b', 'c'])
  })

  it('go beside one another, as many requests as configured and no more (requests at one time)', async () => {
    server.delayMs = 5
    await write(plan({ concurrency: 4 }), batches(COLUMNS, rows(40)))
    expect(new Set(ids()).size).toBe(40)
    expect(server.mostAtOnce).toBeGreaterThan(1)
    expect(server.mostAtOnce).toBeLessThanOrEqual(4)
    server.mostAtOnce = 0
    await write(plan({}), batches(COLUMNS, rows(5)))
    expect(server.mostAtOnce).toBe(1)
  })
})

describe('CN-15 a write that does not fit', () => {
  it.each<[string, Partial<GraphqlWrite>, Partial<WritePlan>, ErrorCode, string]>([
    ['no mutation', {}, { graphql: undefined as never }, 'CONFIG_INVALID', 'mutation'],
    ['a query', { document: '{ people { id } }' }, {}, 'CONFIG_INVALID', 'one mutation'],
    [
      'an unknown field',
      { document: 'mutation ($input: OrderInput!) { make(input: $input) { id } }' },
      {},
      'CONFIG_INVALID',
      'make',
    ],
    ['an unknown path', { columns: { number: 'input.nmber' } }, {}, 'CONFIG_INVALID', 'Did you mean'],
    ['an unknown variable', { columns: { number: 'inptu.number' } }, {}, 'CONFIG_INVALID', 'inptu'],
    ['an unknown column', { columns: { nmber: 'input.number' } }, {}, 'COLUMN_NOT_FOUND', 'nmber'],
    ['one place twice', { columns: { number: 'input.id' } }, {}, 'CONFIG_INVALID', 'two values'],
    ['a header without a key', { idempotencyHeader: 'Idempotency-Key' }, { primaryKey: [] }, 'KEY_REQUIRED', 'orders'],
    ['checksums', {}, { checksum: true }, 'UNSUPPORTED', 'checksums'],
    ['another mode', {}, { mode: 'replace' }, 'UNSUPPORTED', 'replace'],
    ['a read-only connection', {}, {}, 'POLICY_REFUSED', 'read_only'],
  ])('is refused before anything is sent: %s', async (title, change, more, code, says) => {
    const given = plan(change, more)
    const connection = title.includes('read-only') ? { read_only: true } : {}
    const error = await failure(write(given, batches(COLUMNS, rows(2)), connection), code)
    expect([error.message.includes(says), mutations().length]).toEqual([true, 0])
  })
})

describe('rows that are not taken', () => {
  const problemOf = async (work: Promise<unknown>) => {
    const error = await failure(work, 'ROWS_REJECTED')
    return [error.exitCode, error.message.replace(/^[^:]*: |\.$/g, ''), error.origin]
  }

  // Broken once: with a receipt instead of the error these passed as complete.
  it('are counted and named by their numbers, and stop nobody else', async () => {
    server.shop.refused.add('r1').add('r3')
    expect(await problemOf(write(plan({}), batches(COLUMNS, rows(3), rows(2, 3))))).toEqual([
      6,
      '3 written, 2 rejected (rows 2, 4)',
      'BAD_USER_INPUT',
    ])
    expect(ids()).toEqual(['r0', 'r2', 'r4'])
    const many = plan({ document: MANY, rows: 'objects', batch: 2 })
    expect(await problemOf(write(many, batches(COLUMNS, rows(6))))).toEqual([
      6,
      '2 written, 4 rejected (rows 1, 2, 3, 4)',
      'BAD_USER_INPUT',
    ])
  })

  it('are found in the answer, by its list of errors and by its count', async () => {
    const source = () =>
      batches(COLUMNS, [
        ['a', '1'],
        ['b', '-1'],
        ['c', '99999999999'],
      ])
    const named = plan({ errors: 'createOrder.userErrors' })
    expect((await problemOf(write(named, source())))[1]).toBe('1 written, 2 rejected (rows 3, 2)')
    failAt(server, 1, { kind: 'body', body: '{"data":{"insertOrders":{"affected_rows":1}}}' })
    const counted = plan({ document: MANY, rows: 'objects', batch: 2, count: 'insertOrders.affected_rows' })
    expect((await problemOf(write(counted, batches(COLUMNS, rows(4)))))[1]).toBe(
      '2 written, 0 rejected, 2 of unknown outcome',
    )
  })

  it('end the write where there are too many of them', async () => {
    for (const [id] of rows(100)) server.shop.refused.add(id as string)
    expect((await problemOf(write(plan({ maxRejected: 5 }), batches(COLUMNS, rows(100)))))[1]).toMatch(
      /^0 written, 6 rej/,
    )
    expect(mutations()).toHaveLength(6)
  })

  it('go into a file for their owner: keys, and nothing else; of a greatest size', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'airlock-quarantine-'))
    try {
      const path = join(folder, 'rejected.jsonl')
      await writeFile(path, 'old', { mode: 0o644 })
      server.shop.refused.add('r1')
      const value = canary()
      const columns = [...COLUMNS, column('email', 'text')]
      const source = () =>
        batches(
          columns,
          rows(3).map((row) => [...row, value]),
        )
      await failure(write(plan({ quarantine: { path } }), source()), 'ROWS_REJECTED')
      expect(await readFile(path, 'utf8')).toBe('{"row":2,"code":"BAD_USER_INPUT","key":{"id":"r1"}}\n')
      expect((await stat(path)).mode & 0o777).toBe(0o600)
      for (const [id] of rows(100)) server.shop.refused.add(id as string)
      await failure(write(plan({ quarantine: { path, maxBytes: 1024 } }), batches(COLUMNS, rows(100))), 'ROWS_REJECTED')
      expect((await stat(path)).size).toBeLessThanOrEqual(1024)
      const nowhere = join(folder, 'missing', canary())
      const error = await failure(write(plan({ quarantine: { path: nowhere } }), batches(COLUMNS, rows(9))))
      expect(everythingIn(error)).not.toContain(nowhere)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it.each<[GraphqlFault, string | ErrorCode, number]>([
    [
      { kind: 'lost' },
      '1 written, 0 rejected, 1 of unknown outcome, stopped by CONNECT_RESET, the rest was not sent',
      2,
    ],
    [
      { kind: 'truncated' },
      '1 written, 0 rejected, 1 of unknown outcome, stopped by CONNECT_RESET, the rest was not sent',
      2,
    ],
    [
      { kind: 'stalled' },
      '1 written, 0 rejected, 1 of unknown outcome, stopped by DEADLINE_EXCEEDED, the rest was not sent',
      2,
    ],
    [
      { kind: 'status', status: 500 },
      '1 written, 0 rejected, 1 of unknown outcome, stopped by QUERY_FAILED, the rest was not sent',
      2,
    ],
    [
      { kind: 'status', status: 401 },
      '1 written, 0 rejected, 1 not taken, stopped by AUTH_FAILED, the rest was not sent',
      2,
    ],
    [
      { kind: 'status', status: 307, headers: { location: '/' } },
      '1 written, 0 rejected, 1 not taken, stopped by REDIRECT_REFUSED, the rest was not sent',
      2,
    ],
    [{ kind: 'status', status: 422 }, '4 written, 1 rejected (rows 2)', 5],
  ])('SE-7 are told apart by what is known of them, and not sent twice: %j', async (fault, problem, requests) => {
    const value = canary()
    const columns = [...COLUMNS, column('email', 'text')]
    const source = batches(
      columns,
      rows(5).map((row) => [...row, value]),
    )
    failAt(server, 2, fault)
    const error = await failure(write(plan({}), source, { statement_timeout_ms: 1000 }), 'ROWS_REJECTED')
    expect([error.message, mutations().length]).toEqual([expect.stringContaining(problem), requests])
    for (const part of [value, 'mutation', String(server.port)]) expect(everythingIn(error)).not.toContain(part)
  })

  it('have the code of what stopped them where none was taken', async () => {
    for (const [fault, code] of [
      [{ kind: 'status', status: 403 }, 'PRIVILEGE_MISSING'],
      [{ kind: 'lost' }, 'OUTCOME_UNKNOWN'],
    ] as const) {
      failAt(server, 1, fault)
      await failure(write(plan({}), batches(COLUMNS, rows(5))), code)
    }
  })

  it('are told of where the source fails or the caller aborts in the middle (rows)', async () => {
    async function* failing() {
      yield batchOf(COLUMNS, rows(3))
      throw new AirlockError('CONNECTION_LOST', { phase: 'extract' })
    }
    expect(await problemOf(write(plan({}), failing()))).toEqual([
      6,
      '2 written, 0 rejected, stopped by CONNECTION_LOST, the rest was not sent',
      'CONNECTION_LOST',
    ])
    const controller = new AbortController()
    async function* endless() {
      for (let at = 0; ; at += 10) {
        yield batchOf(COLUMNS, rows(10, at))
        if (at === 20) controller.abort()
      }
    }
    await failure(write(plan({}), endless(), {}, controller.signal), 'ROWS_REJECTED')
    const none = failure(
      write(
        plan({}),
        (async function* () {
          yield batchOf(COLUMNS, [])
          throw new AirlockError('CONNECTION_LOST', { phase: 'extract' })
        })(),
      ),
      'CONNECTION_LOST',
    )
    await none
  })
})

describe('an idempotent write', () => {
  const header = 'Idempotency-Key'
  const keys = () => mutations().map(({ headers }) => headers['idempotency-key'])

  it('is sent again after a lost answer, a 503 and a cut, under the same key (rows, requests)', async () => {
    for (const fault of [{ kind: 'lost' }, { kind: 'status', status: 503 }, { kind: 'truncated' }] as const) {
      server.requests.length = 0
      failAt(server, 2, fault)
      const receipt = await write(plan({ idempotencyHeader: header }), batches(COLUMNS, rows(3)))
      const [first, second, third, fourth] = keys()
      expect([receipt.rowsConfirmed, second, new Set([first, second, fourth]).size]).toEqual([3, third, 3])
      expect(first).toMatch(/^[0-9a-f]{64}$/)
    }
  })

  it('has the same keys in another run, and another key for another row', async () => {
    await write(plan({ idempotencyHeader: header }), batches(COLUMNS, rows(3)))
    await write(plan({ idempotencyHeader: header }), batches(COLUMNS, rows(3)))
    const [a, b, c, ...again] = keys()
    expect(again).toEqual([a, b, c])
    await write(plan({ idempotencyHeader: header }), batches(COLUMNS, [['r0', '1']]))
    expect(new Set(keys()).size).toBe(4)
  })

  // Seen red with a retry whatever came beside the error.
  it('or any other is sent again where it was throttled, but not where a part of it was done (requests)', async () => {
    failAt(server, 1, { kind: 'errors', code: 'THROTTLED' })
    // The fault comes after the mutation, so that the row is there twice: a server that throttles has done nothing.
    expect(await write(plan({}), batches(COLUMNS, rows(1)))).toMatchObject({ rowsConfirmed: 1 })
    expect(mutations()).toHaveLength(2)
    server.requests.length = 0
    failAt(server, 1, { kind: 'errors', code: 'THROTTLED', data: true })
    await failure(write(plan({}), batches(COLUMNS, rows(1))), 'ROWS_REJECTED')
    expect(mutations()).toHaveLength(1)
  })

  it('or any other waits out a 429, of which nothing was done', async () => {
    failAt(server, 2, { kind: 'status', status: 429, headers: { 'retry-after': '0' } })
    expect(await write(plan({}), batches(COLUMNS, rows(3)))).toMatchObject({ rowsConfirmed: 3 })
    expect([mutations().length, ids()]).toEqual([4, ['r0', 'r1', 'r2']])
  })
})

it('a plan shows the mutation and sends none', async () => {
  await using session = await openAt(server)
  const outline = await session.outline(plan({}), COLUMNS)
  expect(outline).toMatchObject({ targetExists: true, statements: [ONE], columnTypes: { id: 'ID!', number: 'Int' } })
  expect(outline.notes.join()).toContain('not atomic')
  expect(mutations()).toEqual([])
})
