import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { settle } from '../../src/testing/index.js'
import { calmLine, envelope } from '../cli/airlock.js'
import { type Project, project } from '../cli/project.js'
import { describeWith } from '../setup/engines.js'
import { entries } from './files-support.js'

const ORDERS = `id,customer,amount,placed_at,paid,note
1,ada@example.com,19.90,2024-01-31T10:00:00+02:00,true,"calls back, ""soon"""
2,bo@example.org,5.00,2024-02-01T00:30:00Z,false,
3,ada@example.com,0.10,2024-02-02T12:00:00.5Z,true,""
`
const TYPES = { id: 'int64', amount: 'decimal(12,2)', placed_at: 'timestamptz', paid: 'boolean' }

describeWith(['mysql', 'postgres'], 'files by the command line', (engines) => {
  let work: Project
  let data: string

  beforeAll(async () => {
    work = await project(engines, 3)
    data = join(work.folder, 'data')
    mkdirSync(data)
    writeFileSync(join(data, 'orders.csv'), ORDERS)
    await work.source.exec(`
      CREATE TABLE things (id BIGINT PRIMARY KEY, name VARCHAR(40), price DECIMAL(20,4), raw VARBINARY(8), made DATETIME(3));
      INSERT INTO things VALUES (1, '=1+1', 12345678901234.5678, x'00ff', '2024-01-31 10:00:00.125'),
        (2, NULL, NULL, NULL, NULL), (9007199254740993, 'a,"b"\\n', 0.1000, x'', '2024-02-29 00:00:00')`)
  })
  afterAll(() => work[Symbol.asyncDispose]())

  it('CSV → Postgres: types, masks, counts', async () => {
    const exports = { driver: 'files', root: './data', columns: TYPES }
    await work.write('airlock.yaml', await withConnection(work, 'exports', exports))
    const args = [
      '--source',
      'exports',
      '--source-table',
      'orders',
      '--target',
      'warehouse',
      '--target-table',
      'orders',
    ]
    const ended = await work.run(['copy', ...args, '--mode', 'replace', '--mask', 'customer:tokenize', '--json'])
    expect(envelope(ended)).toMatchObject({ ok: true })
    expect(
      await work.target.rows(
        "SELECT id, amount, placed_at AT TIME ZONE 'UTC', paid, note FROM public.orders ORDER BY id",
      ),
    ).toEqual([
      ['1', '19.90', '2024-01-31 08:00:00', 't', 'calls back, "soon"'],
      ['2', '5.00', '2024-02-01 00:30:00', 'f', null],
      ['3', '0.10', '2024-02-02 12:00:00.5', 't', ''],
    ])
    expect(await work.target.rows('SELECT count(DISTINCT customer) FROM public.orders')).toEqual([['2']])
  })

  it('a row that does not fit stops the copy, names row and column, and leaves the target as it was', async () => {
    writeFileSync(join(data, 'broken.csv'), ORDERS.replace('5.00', 'secret-5'))
    const args = [
      '--source',
      'exports',
      '--source-table',
      'broken',
      '--target',
      'warehouse',
      '--target-table',
      'orders',
    ]
    const ended = await work.run(['copy', ...args])
    expect(ended.code).toBe(5)
    expect(ended.text).toContain('row 2: column amount is not decimal')
    expect(ended.text).not.toContain('secret-5')
    expect(await work.target.rows('SELECT count(*) FROM public.orders')).toEqual([['3']])
  })

  it('MySQL → CSV and JSONL: what is read back is what was there', async () => {
    await work.write('airlock.yaml', await withConnection(work, 'exports', { driver: 'files', root: './data' }))
    for (const table of ['things', '"things.jsonl"']) {
      const args = ['--source', 'shop', '--source-table', 'things', '--target', 'exports', '--target-table', table]
      const ended = await work.run(['copy', ...args, '--mode', 'replace', '--json'])
      expect(envelope(ended)).toMatchObject({ ok: true })
    }
    expect(readFileSync(join(data, 'things.csv'), 'utf8')).toBe(
      `id,name,price,raw,made
1,'=1+1,12345678901234.5678,00ff,2024-01-31 10:00:00.125
2,,,,
9007199254740993,"a,""b""\n",0.1000,"",2024-02-29 00:00:00.000
`,
    )
    expect(readFileSync(join(data, 'things.jsonl'), 'utf8').split('\n')[2]).toBe(
      '{"id":9007199254740993,"name":"a,\\"b\\"\\n","price":0.1000,"raw":"","made":"2024-02-29T00:00:00.000"}',
    )
    expect(entries(data)).toEqual(['broken.csv', 'orders.csv', 'things.csv', 'things.jsonl'])
  })

  it('check goes through the steps that there are, and says what is wrong with a root', async () => {
    const good = envelope(await work.run(['check', 'exports', '--json']))
    expect(good).toMatchObject({
      ok: true,
      data: {
        connections: [
          {
            ok: true,
            warnings: [],
            steps: { dns: 'off', tcp: 'off', tls: 'off', auth: 'off', query: 'ok', privileges: 'ok' },
          },
        ],
      },
    })
    await work.write('airlock.yaml', await withConnection(work, 'exports', { driver: 'files', root: './nothing' }))
    const bad = await work.run(['check', 'exports'])
    expect(bad.code).toBe(2)
    expect(calmLine(bad, 'CONFIG_INVALID')).toContain('at root: there is no such folder')
    expect(bad.stdout).toContain('failed')
  })

  it('leaves no session behind', async () => {
    expect(await settle(() => work.sessions(), 0, 3_000)).toBe(0)
  })
})

/** The configuration as it is, with one connection more. */
async function withConnection(work: Project, name: string, connection: object): Promise<string> {
  await work.configure({})
  const file = JSON.parse(readFileSync(join(work.folder, 'airlock.yaml'), 'utf8')) as { connections: object }
  return JSON.stringify({ ...file, connections: { ...file.connections, [name]: connection } })
}
