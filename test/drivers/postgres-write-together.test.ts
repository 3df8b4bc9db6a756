import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { WritePlan } from '../../src/core/driver.js'
import { countSockets, type Engine, settle, type TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { whileLocked } from '../setup/while-locked.js'
import { gated } from './gated.js'
import { canStart, startPrivate } from './private.js'
import { batches, type Cell, column } from './rows.js'
import { failure, open } from './support.js'

const COLUMNS = [column('id', 'int32', { nullable: false, keyPosition: 1 }), column('v', 'text'), column('at', 'int32')]
const SHAPE = 'id int PRIMARY KEY, v text, at int'
const PLANS = [
  { mode: 'append' },
  { mode: 'replace' },
  { mode: 'replace', strategy: 'delete' },
  { mode: 'replace', strategy: 'swap' },
  { mode: 'merge' },
  { mode: 'merge', strategy: 'delete-insert' },
  { mode: 'merge', strategy: 'insert-only' },
  { mode: 'merge', strategy: 'scd2' },
  { mode: 'delete+insert', window: { column: 'id', from: '-5' } },
] as const satisfies readonly Partial<WritePlan>[]

/** Tables of their own, so that all plans can run at a time. */
const tableOf = (plan: (typeof PLANS)[number]) => `t${PLANS.indexOf(plan)}`
const create = () =>
  PLANS.map((plan) => {
    const history = 'strategy' in plan && plan.strategy === 'scd2'
    const more = history ? ', _valid_from timestamptz, _valid_to timestamptz' : ''
    return `DROP TABLE IF EXISTS ${tableOf(plan)}; CREATE TABLE ${tableOf(plan)} (${SHAPE}${more}, CHECK (v <> 'bad'));
      INSERT INTO ${tableOf(plan)} (id, v) VALUES (-1, 'before')`
  }).join(';')

async function* many(count: number, last = 'good', begin = 1) {
  for (let at = 0; at < count; at += 1000) {
    const rows = Array.from({ length: Math.min(1000, count - at) }, (_, row): Cell[] => {
      const id = begin + at + row
      return [String(id), id === begin + count - 1 ? last : `value ${id}`, '1']
    })
    yield* batches(COLUMNS, rows)
  }
}

describeWith(['postgres'], 'writes to Postgres side by side and in trouble', ({ postgres: engine }) => {
  let to: TestDatabase
  beforeAll(async () => {
    to = await engine.createDatabase('together')
  })
  afterAll(() => to.drop())
  beforeEach(() => to.exec(create()))

  const expectUntouched = async (plan: (typeof PLANS)[number], database = to) => {
    expect(await database.rows(`SELECT id, v FROM ${tableOf(plan)}`)).toEqual([['-1', 'before']])
    expect(await database.rows("SELECT count(*) FROM pg_class WHERE relname LIKE 'airlock%'")).toEqual([['0']])
  }

  it.each(PLANS)('a constraint that the last row breaks leaves the target as it was: $mode $strategy', async (plan) => {
    await using target = await open(engine, to)
    const write = target.write({ table: tableOf(plan), ...plan }, many(5000, 'bad'))
    expect((await failure(write, 'CONSTRAINT_VIOLATED')).origin).toBe('23514')
    await target.ping()
    await expectUntouched(plan)
  })

  it('a lock that somebody holds is waited for, not for ever: LOCK_TIMEOUT in every mode, the target as it was', async () => {
    const lock = PLANS.map((plan) => `LOCK TABLE ${tableOf(plan)} IN SHARE MODE`).join(';')
    const codes = await whileLocked(engine, to, lock, () =>
      Promise.all(
        PLANS.map(async (plan) => {
          await using target = await open(engine, to)
          const error = await failure(target.write({ table: tableOf(plan), ...plan }, many(10)))
          return [error.code, error.retryable]
        }),
      ),
    )
    expect(codes).toEqual(PLANS.map(() => ['LOCK_TIMEOUT', true]))
    for (const plan of PLANS) await expectUntouched(plan)
  }, 90_000)

  // Seen red with the old rows of a replace deleted, and that committed, in front of the load.
  it.runIf(canStart.postgres)(
    'a server that is killed while rows flow has what it had before, in every mode',
    async () => {
      const own = await startPrivate('postgres')
      try {
        const database = await own.createDatabase()
        await database.exec(create())
        const writes = await Promise.all(
          PLANS.map(async (plan) => {
            const target = await open(own, database)
            const source = gated(many(100_000), 20)
            const write = failure(target.write({ table: tableOf(plan), ...plan }, source.batches), 'CONNECTION_LOST')
            await source.reached
            return { target, source, write }
          }),
        )
        await own.kill()
        for (const { source } of writes) source.open()
        for (const { write, target } of writes) {
          await write
          await target.close()
        }
        expect(await settle(() => countSockets(own.port), 0, 2_000)).toBe(0)
        await using _ = await revive(own)
        for (const plan of PLANS) await expectUntouched(plan, database)
      } finally {
        await own.stop()
      }
    },
    90_000,
  )

  describe('two at a time', () => {
    const total = () => to.rows("SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE v = 'before') FROM t4")

    it('merges into one table: every key is there once', async () => {
      await using one = await open(engine, to)
      await using two = await open(engine, to)
      const plan = { table: 't4', mode: 'merge' } as const
      const receipts = await Promise.all([one.write(plan, many(3000)), two.write(plan, many(3000, 'good', 1501))])
      const sum = (name: 'inserted' | 'updated') => receipts.reduce((all, { changes }) => all + changes![name], 0)
      expect([sum('inserted'), sum('updated')]).toEqual([4500, 1500])
      expect(await total()).toEqual([['4501', '4501', '1']])
    })

    // Seen red without the lock: both found no row with these keys, and each was there twice; and without the advisory
    // lock: the second could not create the table.
    it.each(['plain', 'fresh', 'history'])(
      'merges into a table without an index on the key, a new one, a history: %s',
      async (table) => {
        await to.exec(`DROP TABLE IF EXISTS fresh, plain, history; CREATE TABLE plain (id int, v text, at int);
        CREATE TABLE history (id int, v text, at int, _valid_from timestamptz, _valid_to timestamptz)`)
        const plan = { table, mode: 'merge', strategy: table === 'history' ? 'scd2' : 'upsert' } as const
        await using one = await open(engine, to)
        await using two = await open(engine, to)
        await Promise.all([one.write(plan, many(2000)), two.write(plan, many(2000, 'good', 1001))])
        const current = table === 'history' ? ' WHERE _valid_to IS NULL' : ''
        expect(await to.rows(`SELECT count(*), count(DISTINCT id) FROM ${table}${current}`)).toEqual([['3000', '3000']])
      },
    )

    it('merges from two processes', async () => {
      const script = `
        import { postgres } from './src/drivers/index.js'
        import { Secret } from './src/masking/secret.js'
        import { BatchBuilder } from './src/core/batch-builder.js'
        const { begin, password, ...login } = JSON.parse(process.env.LOGIN)
        const columns = [['id', 'int32'], ['v', 'text']].map(([name, kind], at) =>
          ({ name, type: { kind }, nullable: true, sourceType: 'x', keyPosition: at === 0 ? 1 : 0 }))
        async function* rows() {
          const builder = new BatchBuilder(columns)
          for (let id = begin; id < begin + 3000; id++) {
            builder.beginRow()
            for (const text of [String(id), 'of ' + begin]) {
              const bytes = Buffer.from(text)
              const start = builder.region(bytes, 0, bytes.length)
              builder.put(start, start + bytes.length)
            }
            builder.endRow()
          }
          yield builder.finish()
        }
        const run = async () => {
          const target = await postgres.open({ ...login, password: new Secret(password, 'test') })
          for (let i = 0; i < 5; i++) await target.write({ table: 't4', mode: 'merge' }, rows())
          await target.close()
        }
        run().catch((error) => { console.error(error.code); process.exitCode = 1 })`
      const { host, port } = engine
      const login = { host, port, database: to.name, user: to.user, password: to.password }
      const runs = [1, 1501].map((begin) => {
        const env = { ...process.env, LOGIN: JSON.stringify({ ...login, begin }) }
        const args = ['--import', 'tsx', '--input-type=module', '--eval', script]
        return spawn(process.execPath, args, { env, stdio: ['ignore', 'inherit', 'inherit'] })
      })
      for (const [code] of await Promise.all(runs.map((child) => once(child, 'close')))) expect(code).toBe(0)
      expect(await total()).toEqual([['4501', '4501', '1']])
    }, 60_000)
  })

  it('merging is what a map does, however the rows are cut and repeated', async () => {
    await using target = await open(engine, to)
    const row = fc.tuple(
      fc.integer({ min: 0, max: 12 }),
      fc.option(fc.stringMatching(/^[a-z\\']{0,4}$/), { nil: null }),
      fc.option(fc.integer({ min: 0, max: 3 }), { nil: null }),
    )
    const history = fc.array(fc.array(row, { maxLength: 20 }), { minLength: 1, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(
        history,
        fc.boolean(),
        fc.constantFrom('upsert', 'delete-insert', 'insert-only'),
        async (writes, byCursor, strategy) => {
          await to.exec('TRUNCATE t4')
          const model = new Map<number, readonly (string | null)[]>()
          const plan = { table: 't4', mode: 'merge', strategy, ...(byCursor ? { cursor: 'at' } : {}) } as const
          for (const rows of writes) {
            const cells = rows.map(([id, v, at]) => [String(id), v, at === null ? null : String(at)])
            const winners = new Map<number, { at: number; cells: readonly (string | null)[] }>()
            for (const [index, [id, , at]] of rows.entries()) {
              const rank = byCursor ? (at ?? -1) : 0
              const held = winners.get(id)
              if (held === undefined || rank >= held.at) winners.set(id, { at: rank, cells: cells[index]! })
            }
            const known = [...winners.keys()].filter((id) => model.has(id)).length
            for (const [id, { cells: values }] of winners) {
              if (strategy !== 'insert-only' || !model.has(id)) model.set(id, values)
            }
            const half = Math.ceil(cells.length / 2)
            const receipt = await target.write(plan, batches(COLUMNS, cells.slice(0, half), cells.slice(half)))
            const fresh = winners.size - known
            const counts = {
              upsert: { inserted: fresh, updated: known, deleted: 0, unchanged: 0 },
              'delete-insert': { inserted: winners.size, updated: 0, deleted: known, unchanged: 0 },
              'insert-only': { inserted: fresh, updated: 0, deleted: 0, unchanged: known },
            }[strategy]
            expect(receipt.changes).toEqual({ ...counts, duplicates: rows.length - winners.size, rejected: 0 })
            expect(receipt.rowsCounted).toBe(winners.size)
            // Once more: nothing changes.
            await target.write(plan, batches(COLUMNS, cells))
            const expected = [...model.entries()].sort(([a], [b]) => a - b).map(([, values]) => values)
            expect(await to.rows('SELECT * FROM t4 ORDER BY id')).toEqual(expected)
          }
        },
      ),
      { numRuns: 25 },
    )
  }, 120_000)
})

/** Starts a killed server again, on its data, with the command line that it has left there. */
async function revive(engine: Engine): Promise<AsyncDisposable> {
  const data = join(dirname(engine.logFile ?? ''), 'data')
  const [program, ...rest] = (await readFile(join(data, 'postmaster.opts'), 'utf8')).trim().split(' "')
  const args = rest.map((text) => text.replace(/"$/, ''))
  const { uid, gid } = await stat(data)
  let server: ChildProcess | undefined
  const stopped = () => server === undefined || server.exitCode !== null || server.signalCode !== null
  const answers = async () => {
    // It refuses to start while processes of the old one are still there.
    if (stopped()) server = spawn(program!, args, { cwd: data, uid, gid, stdio: 'ignore' })
    return await engine.sessions({ user: 'nobody' }).then(
      () => 1,
      () => 0,
    )
  }
  expect(await settle(answers, 1, 20_000)).toBe(1)
  return {
    async [Symbol.asyncDispose]() {
      if (server === undefined || stopped()) return
      const closed = once(server, 'close')
      server.kill('SIGQUIT')
      await closed
    },
  }
}
