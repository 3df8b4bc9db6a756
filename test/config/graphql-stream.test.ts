import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadPipeline } from '../../src/config/load-pipeline.js'
import { load, refusal, workspace } from './workspace.js'

const CONNECTIONS = 'connections: { shop: { driver: api, endpoint: e }, warehouse: { driver: server, host: h } }'
const QUERY = '{ orders { id } }'

async function streamOf(stream: object) {
  const cwd = await workspace({
    'airlock.yaml': CONNECTIONS,
    'orders.graphql': QUERY,
    'nightly.yaml': JSON.stringify({ source: 'shop', target: 'warehouse', streams: { orders: stream } }),
  })
  const { config } = await load(undefined, { cwd })
  const pipeline = await loadPipeline(join(cwd, 'nightly.yaml'), config)
  return { stream: pipeline.streams[0]!, cwd }
}

describe('a stream of GraphQL', () => {
  it('is read with its documents, in the words of the library', async () => {
    const paging = { kind: 'cursor', next: 'feed.next', variable: 'c', size: 5, size_variable: 'n' }
    const nested = { lines: { document: 'q', records: 'a.b', variables: { of: 'id' }, after: 'c' } }
    const fields = { a: 'x.y', b: { path: 'z', type: 'int64' } }
    const graphql = {
      file: 'orders.graphql',
      records: 'feed.items',
      fields,
      variables: { v: [1] },
      paging,
      max_pages: 9,
      partial: 'allow',
      nested,
    }
    const { stream } = await streamOf({ graphql })
    expect([stream.table, stream.query, stream.targetTable]).toEqual([undefined, undefined, 'orders'])
    expect(stream.graphql).toEqual({
      document: QUERY,
      records: 'feed.items',
      fields: { a: { path: 'x.y' }, b: { path: 'z', type: 'int64' } },
      variables: { v: [1] },
      paging: { kind: 'cursor', next: 'feed.next', variable: 'c', size: 5, sizeVariable: 'n' },
      maxPages: 9,
      partial: 'allow',
      nested,
    })
    const mutation = {
      document: 'm',
      columns: { a: 'input.a' },
      variables: { v: 1 },
      rows: 'objects',
      batch: 5,
      concurrency: 2,
      idempotency_header: 'Idempotency-Key',
      errors_path: 'a.errors',
      count_path: 'a.count',
      max_rejected: 3,
      quarantine: { path: 'rejected.jsonl', max_bytes: 2048 },
    }
    const written = await streamOf({ mutation })
    expect(written.stream.mutation).toEqual({
      document: 'm',
      columns: { a: 'input.a' },
      variables: { v: 1 },
      rows: 'objects',
      batch: 5,
      concurrency: 2,
      idempotencyHeader: 'Idempotency-Key',
      errors: 'a.errors',
      count: 'a.count',
      maxRejected: 3,
      quarantine: { path: join(written.cwd, 'rejected.jsonl'), maxBytes: 2048 },
    })
  })

  it.each([
    ['CONFIG_INVALID', { graphql: { document: QUERY }, table: 'x' }, 'streams.orders.graphql'],
    ['CONFIG_INVALID', { graphql: { document: QUERY }, query: 'x' }, 'streams.orders.graphql'],
    ['CONFIG_INVALID', { graphql: { document: QUERY, file: 'x' } }, 'streams.orders.graphql'],
    ['CONFIG_INVALID', { graphql: {} }, 'streams.orders.graphql'],
    ['CONFIG_INVALID', { graphql: { file: 'missing.graphql' } }, 'streams.orders.graphql.file'],
    ['CONFIG_UNKNOWN_KEY', { graphql: { document: QUERY, recrods: 'x' } }, 'Did you mean "records"'],
    ['CONFIG_INVALID', { graphql: { document: QUERY, paging: { kind: 'cursor' } } }, 'streams.orders.graphql.paging'],
    ['CONFIG_INVALID', { graphql: { document: QUERY, paging: { kind: 'guess' } } }, 'streams.orders.graphql.paging'],
    ['CONFIG_INVALID', { graphql: { document: QUERY }, where: 'x' }, 'streams.orders.where'],
    ['CONFIG_INVALID', { graphql: { document: QUERY, variables: { v: '${env:SECRET}' } } }, 'references'],
    ['CONFIG_INVALID', { mutation: { document: 'm', batch: 0 } }, 'streams.orders.mutation.batch'],
    ['CONFIG_INVALID', { mutation: { document: 'm', idempotency_header: 'a\nb' } }, 'streams.orders.mutation'],
  ] as const)('is refused where it says too much or too little: %s %j', async (code, stream, says) => {
    const error = await refusal(streamOf(stream), code, 'orders { id')
    expect(error.message).toContain(says)
  })
})
