import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'

const READER = fileURLToPath(new URL('postgres-extract-memory.ts', import.meta.url))
const TSX = fileURLToPath(new URL('../../node_modules/tsx/dist/cli.mjs', import.meta.url))

interface Outcome {
  readonly rows: number
  readonly widest: number
  readonly code: string | null
  readonly megabytes: number
}

describeWith(['postgres'], 'the memory of a Postgres read', ({ postgres: engine }) => {
  let from: TestDatabase
  beforeAll(async () => {
    from = await engine.createDatabase('memory')
  })
  afterAll(() => from.drop())

  const read = async (query: string, more: object = {}): Promise<Outcome> => {
    const { name: database, user, password } = from
    const request = { host: engine.host, port: engine.port, database, user, password, query, pause: 0, ...more }
    const env = { ...process.env, AIRLOCK_TEST_READ: JSON.stringify(request) }
    const { stdout } = await promisify(execFile)(process.execPath, [TSX, READER], { env })
    return JSON.parse(stdout) as Outcome
  }

  it.each([undefined, 'pg-copy-text', 'pg-copy-binary'])(
    'is the same for two million rows and a consumer that takes its time (%s)',
    async (raw) => {
      const query = "SELECT i, repeat('x', 200) AS body FROM generate_series(1, 2000000) AS i"
      const few = await read(query.replace('2000000', '20000'), { raw, pause: 20 })
      const many = await read(query, { raw, pause: 20 })
      expect([few.rows, many.rows, many.code]).toEqual([20_000, 2_000_000, null])
      expect(many.megabytes).toBeLessThan(few.megabytes + 120)
    },
    240_000,
  )

  it('holds a row of 200 MB once, and says so where a row is larger than it takes', async () => {
    const text = await read("SELECT repeat('x', 200 * 1024 * 1024) AS wide")
    expect(text).toMatchObject({ rows: 1, widest: 200 * 1024 * 1024, code: null })
    expect(text.megabytes).toBeLessThan(600)
    // Twice the size on the wire.
    const bytes = await read("SELECT decode(repeat('00ff', 100 * 1024 * 1024), 'hex') AS wide")
    expect(bytes).toMatchObject({ rows: 1, widest: 200 * 1024 * 1024, code: null })
    expect(bytes.megabytes).toBeLessThan(800)
    const wider = await read("SELECT repeat('x', 600 * 1024 * 1024) AS wide")
    expect(wider).toMatchObject({ rows: 0, code: 'ROW_TOO_LARGE' })
    expect(wider.megabytes).toBeLessThan(300)
  }, 480_000)
})
