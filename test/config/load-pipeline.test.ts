import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadPipeline } from '../../src/config/load-pipeline.js'
import { load, refusal, workspace } from './workspace.js'

const CANARY = 'swordfish-9917'

const CONNECTIONS = `connections:
  shop: { driver: server, host: h }
  warehouse: { driver: server, host: g }
  app: { driver: api, endpoint: e }
`

async function pipeline(text: string, name = 'nightly.yaml') {
  const cwd = await workspace({ 'airlock.yaml': CONNECTIONS, [name]: text })
  const { config } = await load(undefined, { cwd })
  return await loadPipeline(join(cwd, name), config)
}

const HEAD = 'source: shop\ntarget: warehouse\n'

const streams = async (text: string) => (await pipeline(`${HEAD}${text}`)).streams

describe('loadPipeline', () => {
  test('reads the pipeline of the documentation', async () => {
    const loaded = await pipeline(`
name: nightly
source: shop
target: warehouse
defaults: { mode: replace, schema: public }
streams:
  orders:
    mode: merge
    primary_key: [id]
    cursor: updated_at
    select: [id, customer_id, amount, email, updated_at]
    mask: { email: tokenize }
  customers: { mask: { email: partial-email, phone: partial-last4, notes: redact } }
`)
    expect(loaded).toEqual({
      name: 'nightly',
      source: 'shop',
      target: 'warehouse',
      streams: [
        {
          name: 'orders',
          table: 'orders',
          targetTable: 'public.orders',
          mode: 'merge',
          primaryKey: ['id'],
          cursor: 'updated_at',
          select: ['id', 'customer_id', 'amount', 'email', 'updated_at'],
          mask: { email: 'tokenize' },
          policies: {},
          disabled: false,
        },
        {
          name: 'customers',
          table: 'customers',
          targetTable: 'public.customers',
          mode: 'replace',
          primaryKey: [],
          mask: { email: 'partial-email', phone: 'partial-last4', notes: 'redact' },
          policies: {},
          disabled: false,
        },
      ],
    })
  })

  test('a stream may be empty, and then appends', async () => {
    expect(await streams('streams:\n  orders:\n  sales.lines: {}\n')).toEqual([
      expect.objectContaining({ table: 'orders', targetTable: 'orders', mode: 'append' }),
      expect.objectContaining({ table: 'sales.lines', targetTable: 'lines', mode: 'append' }),
    ])
  })

  test('takes the name of the file where none is given', async () => {
    expect((await pipeline(`${HEAD}streams: { a: }`, 'weekly.sales.yaml')).name).toBe('weekly.sales')
  })

  test.each([
    ['append', 'append'],
    ['insert', 'append'],
    ['replace', 'replace'],
    ['full-refresh', 'replace'],
    ['truncate', 'replace'],
    ['overwrite', 'replace'],
    ['merge', 'merge'],
    ['incremental', 'merge'],
    ['upsert', 'merge'],
    ['delete+insert', 'delete+insert'],
  ])('mode %s is %s', async (word, mode) => {
    expect((await streams(`streams: { a: { mode: ${word} } }`))[0]?.mode).toBe(mode)
    expect((await streams(`defaults: { mode: ${word} }\nstreams: { a: }`))[0]?.mode).toBe(mode)
  })

  test('what a stream says goes before the defaults, policy by policy', async () => {
    const [one, two] = await streams(`
defaults:
  { mode: replace, schema: base, cursor: at, primary_key: id, policies: { zero_dates: error, time: time } }
streams:
  one:
  two: { mode: append, schema: other, cursor: seq, primary_key: [a, b], policies: { zero_dates: null } }
`)
    expect(one).toMatchObject({
      mode: 'replace',
      targetTable: 'base.one',
      cursor: 'at',
      primaryKey: ['id'],
      policies: { zero_dates: 'error', time: 'time' },
    })
    expect(two).toMatchObject({
      mode: 'append',
      targetTable: 'other.two',
      cursor: 'seq',
      primaryKey: ['a', 'b'],
      policies: { zero_dates: 'null', time: 'time' },
    })
  })

  test.each([
    ['a: { target_table: b }', 'b'],
    ['a: { target_table: s.b, schema: t }', 's.b'],
    ['a: { table: s.b }', 'b'],
    ['a: { table: s.b, schema: t }', 't.b'],
    ['a: { query: "select 1", schema: t }', 't.a'],
    [`'"odd.name"': { schema: t }`, 't."odd.name"'],
    ['a: { schema: t.u }', '"t.u".a'],
    [`a: { target_table: '"x""y"' }`, '"x""y"'],
  ])('%s writes to %s', async (entry, target) => {
    expect((await streams(`streams:\n  ${entry}\n`))[0]?.targetTable).toBe(target)
  })

  test('a query replaces the table', async () => {
    const [stream] = await streams('streams: { a: { query: select 1, select: a } }')
    expect(stream).toMatchObject({ query: 'select 1', select: ['a'] })
    expect(stream).not.toHaveProperty('table')
  })

  test('masks may carry a domain; null is a rule and not nothing', async () => {
    const [stream] = await streams(
      'streams: { a: { mask: { b: { rule: tokenize, domain: people }, c: null, d: { rule: null }, e: "constant:a b" } } }',
    )
    expect(stream?.mask).toEqual({ b: { rule: 'tokenize', domain: 'people' }, c: 'null', d: 'null', e: 'constant:a b' })
  })
})

describe('refusals', () => {
  test.each([
    ['streams: { orders: { mod: append } }', 'streams.orders.mod (nightly.yaml line 3). Did you mean "mode"?'],
    [
      'streams: { orders: { update_key: at } }',
      'streams.orders.update_key (nightly.yaml line 3). Did you mean "cursor"?',
    ],
    ['streams: { orders: { sql: select 1 } }', 'streams.orders.sql (nightly.yaml line 3). Did you mean "query"?'],
    [
      'streams: { a: { mask: { b: { rul: hash } } } }',
      'streams.a.mask.b.rul (nightly.yaml line 3). Did you mean "rule"?',
    ],
    ['stream: { orders: }', 'stream (nightly.yaml line 3). Did you mean "streams"?'],
    ['defaults: { mask: { a: hash } }\nstreams: { a: }', 'defaults.mask (nightly.yaml line 3).'],
    [
      'streams: { a: { policies: { zero_date: error } } }',
      'streams.a.policies.zero_date (nightly.yaml line 3). Did you mean "zero_dates"?',
    ],
    ['defaults: { policies: { nul: strip } }\nstreams: { a: }', 'defaults.policies.nul (nightly.yaml line 3).'],
  ])('unknown key: %s', async (text, at) => {
    expect((await refusal(streams(text), 'CONFIG_UNKNOWN_KEY')).message).toContain(`unknown key at ${at}`)
  })

  test.each([
    [`streams: { a: { mode: ${CANARY} } }`, 'streams.a.mode', 'expected append, replace, merge, delete+insert'],
    [`streams: { a: ${CANARY} }`, 'streams.a', 'expected a map or nothing'],
    [`streams: ${CANARY}`, 'streams', 'expected a map'],
    ['streams: {}', 'streams', 'it must not be empty'],
    ['streams: { a: { select: [] } }', 'streams.a.select', 'it must not be empty'],
    ['streams: { a: { select: [1] } }', 'streams.a.select[0]', 'expected text'],
    ['streams: { a: { primary_key: 1 } }', 'streams.a.primary_key', 'expected text or a list'],
    [`streams: { a: { table: b, query: "select ${CANARY}" } }`, 'streams.a.query', 'the stream already has a table'],
    [`streams: { a: { query: select 1, where: ${CANARY} } }`, 'streams.a.where', 'a condition belongs into the query'],
    [`streams: { a: { mask: { b: ${CANARY} } } }`, 'streams.a.mask.b', 'unknown mask rule'],
    ['streams: { a: { mask: { b: generalize-range-1 } } }', 'streams.a.mask.b', 'the size of generalize-range'],
    ['streams: { a: { mask: { b: 3 } } }', 'streams.a.mask.b', 'expected text or nothing or a map'],
    [`streams: { a: { policies: { time: ${CANARY} } } }`, 'streams.a.policies.time', 'the choices are interval, time'],
    [`streams: { a: { table: a.b.${CANARY} } }`, 'streams.a', 'a table is `name` or `schema.name`'],
    [`streams: { a: { where: "x = '\${env:${CANARY}}'" } }`, 'streams.a.where', 'references belong into airlock.yaml'],
    ['streams: { a: { mask: { b: "constant:${env:X}" } } }', 'streams.a.mask.b', 'references belong into airlock.yaml'],
    [
      'defaults: { mode: replace }\nstreams: { a: , b: { target_table: a, mode: append } }',
      'streams.a',
      'another stream writes to the table that this one replaces',
    ],
  ])('%s', async (text, at, problem) => {
    const error = await refusal(streams(text), 'CONFIG_INVALID', CANARY)
    expect(error.message).toMatch(/\(nightly\.yaml line [34]\)/)
    expect(error.message).toContain(`not valid at ${at} (`)
    expect(error.message).toContain(problem)
  })

  test('disabled streams do not count as writers of a table', async () => {
    const text = 'defaults: { mode: replace }\nstreams: { a: , b: { target_table: a, disabled: true } }'
    expect((await streams(text)).map((stream) => stream.disabled)).toEqual([false, true])
    const adding = 'streams: { a: , b: { target_table: a } }'
    expect(await streams(adding)).toHaveLength(2)
  })

  test('an unknown connection is named with a suggestion, a URL in its place is not', async () => {
    const error = await refusal(pipeline('source: shop\ntarget: warehuose\nstreams: { a: }'), 'CONNECTION_UNKNOWN')
    expect(error.message).toBe('No connection is named warehuose (nightly.yaml line 2). Did you mean "warehouse"?')
    const url = await refusal(
      pipeline(`source: "server://u:${CANARY}@h/db"\ntarget: shop\nstreams: { a: }`),
      'CONNECTION_UNKNOWN',
      CANARY,
    )
    expect(url.message).toBe('No connection is named what source says (nightly.yaml line 1).')
  })

  test('policies are left alone where a driver declares none', async () => {
    const cwd = await workspace({ 'p.yaml': `${HEAD}streams: { a: { policies: { any: word } } }` })
    const { config } = await load(CONNECTIONS)
    const loose = {
      connectionNames: config.connectionNames,
      declaration: (name: string) => {
        const { policies: _, ...declaration } = config.declaration(name).declaration
        return { ...config.declaration(name), declaration }
      },
    }
    expect((await loadPipeline(join(cwd, 'p.yaml'), loose)).streams[0]?.policies).toEqual({ any: 'word' })
  })

  test('a missing file is named without its folder', async () => {
    const { config, cwd } = await load(CONNECTIONS)
    const error = await refusal(loadPipeline(join(cwd, 'absent.yaml'), config), 'CONFIG_NOT_FOUND', cwd)
    expect(error.message).toContain('absent.yaml')
  })

  test('YAML errors carry the line', async () => {
    const error = await refusal(pipeline(`${HEAD}streams:\n  a:\n  a: { where: ${CANARY} }`), 'CONFIG_INVALID', CANARY)
    expect(error.message).toContain('nightly.yaml line 5: a key is given twice')
  })
})
