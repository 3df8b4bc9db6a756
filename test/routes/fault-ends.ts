import { expect } from 'vitest'
import type { RunOptions } from '../../src/run/local-runner.js'
import type { RunReport } from '../../src/run/report.js'
import { countSockets, type Engine, type EngineName, settle } from '../../src/testing/index.js'
import { type TwoEnds, twoEnds } from '../run/two-ends.js'

/** Rows of the source tables `few` and `many`, with the ids from 1 on. */
export const FEW = 3000
export const MANY = 300_000

/** The streams of a fault run: one for each write mode, each with a target table of its own. */
export const MODES: Readonly<Record<string, object>> = {
  into_append: { mode: 'append' },
  into_replace: { mode: 'replace' },
  into_merge: { mode: 'merge', primary_key: 'id' },
  into_window: { mode: 'delete+insert', primary_key: 'id', cursor: 'id' },
}

export const ROUTES = [
  ['mysql', 'postgres'],
  ['postgres', 'mysql'],
] as const satisfies readonly (readonly [EngineName, EngineName])[]

/** Two ends with source tables, and how to look at the target. */
export interface FaultEnds extends AsyncDisposable {
  readonly ends: TwoEnds
  /** Makes the target tables anew, each with two old rows. `more` stands behind the columns, `after` behind the table. */
  seed(more?: string, after?: string): Promise<void>
  run(streams: readonly string[], table: 'few' | 'many', options?: RunOptions): Promise<RunReport>
  /** Fails unless every target table holds its old rows and nothing else is there or open. */
  expectUntouched(report: RunReport): Promise<void>
}

export async function faultEnds(from: Engine, to: Engine): Promise<FaultEnds> {
  const ends = await twoEnds(from, to)
  const text = from.engine === 'mysql' ? "CONCAT(REPEAT('new ', 10), n)" : "REPEAT('new ', 10) || n"
  await ends.source.exec(`
    CREATE TABLE many (id INT NOT NULL PRIMARY KEY, what VARCHAR(80));
    INSERT INTO many SELECT n, ${text} FROM (${numbers(from.engine)}) numbered;
    CREATE TABLE few AS SELECT * FROM many WHERE id <= ${FEW}; ALTER TABLE few ADD PRIMARY KEY (id)`)
  const tables = async () => {
    const own = to.engine === 'mysql' ? 'DATABASE()' : 'current_schema()'
    const rows = await ends.target.rows(
      `SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ${own} ORDER BY 1`,
    )
    return rows.map(([name]) => name)
  }
  return {
    ends,
    async seed(more = '', after = '') {
      // Dropped and committed on its own: only then is a full disk free again.
      await ends.target.exec(`DROP TABLE IF EXISTS ${Object.keys(MODES).join(', ')}`)
      for (const name of Object.keys(MODES)) {
        // An append would meet its old rows' keys.
        const key = name === 'into_append' ? '' : ' PRIMARY KEY'
        await ends.target.exec(`
          CREATE TABLE ${name} (id INT NOT NULL${key}, what VARCHAR(80)${more}) ${after};
          INSERT INTO ${name} VALUES (1, 'old'), (-5, 'older')`)
      }
    },
    run(streams, table, options = {}) {
      const chosen = streams.map((name) => [name, { ...MODES[name], table, target_table: name }])
      return ends.run(Object.fromEntries(chosen), { retries: 0, ...options })
    },
    async expectUntouched(report) {
      expect([report.status, report.connections.closed]).toEqual(['failed', report.connections.opened])
      expect(await settle(() => to.sessions({ database: ends.target.name }), 0, 5_000)).toBe(0)
      expect(await settle(() => from.sessions({ database: ends.source.name }), 0, 5_000)).toBe(0)
      expect(await settle(() => countSockets(from.port, to.port), 0, 5_000)).toBe(0)
      // DDL commits in MySQL, so that the table for state has to be there before the transaction.
      const found = (await tables()).filter((name) => to.engine === 'postgres' || name !== '_airlock_state')
      expect(found).toEqual(Object.keys(MODES).sort())
      if (found.length < (await tables()).length) {
        expect(await ends.target.rows('SELECT COUNT(*) FROM _airlock_state')).toEqual([['0']])
      }
      for (const name of Object.keys(MODES)) {
        expect([name, await ends.target.rows(`SELECT id, what FROM ${name} ORDER BY id`)]).toEqual([
          name,
          [
            ['-5', 'older'],
            ['1', 'old'],
          ],
        ])
      }
    },
    [Symbol.asyncDispose]: () => ends[Symbol.asyncDispose](),
  }
}

/** A SELECT that gives 1 to MANY as `n`. */
function numbers(engine: EngineName): string {
  if (engine === 'postgres') return `SELECT n FROM generate_series(1, ${MANY}) n`
  const digits = Array.from({ length: 10 }, (_, digit) => `SELECT ${digit} AS d`).join(' UNION ALL ')
  const places = [0, 1, 2, 3, 4, 5]
  const sum = places.map((place) => `t${place}.d * ${10 ** place}`).join(' + ')
  const tables = places.map((place) => `(${digits}) t${place}`).join(' CROSS JOIN ')
  return `SELECT 1 + ${sum} AS n FROM ${tables} WHERE ${sum} < ${MANY}`
}
