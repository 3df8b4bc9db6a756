import { expect } from 'vitest'
import { type Engine, settle, type TestDatabase } from '../../src/testing/index.js'

/** Does `work` while another session, the administrator's, keeps what these statements lock, in a transaction that is rolled
 * back afterwards. It sleeps for longer than any test lasts and is ended, so that no wait has to be guessed. */
export async function whileLocked<T>(
  engine: Engine,
  database: TestDatabase,
  statements: string,
  work: () => Promise<T>,
): Promise<T> {
  const sleep = engine.engine === 'postgres' ? 'SELECT pg_sleep(200)' : 'SELECT SLEEP(200)'
  const holding = database.exec(`BEGIN; ${statements}; ${sleep}`, 'admin').catch(() => undefined) // it is ended below
  try {
    expect(await settle(async () => (await sleepers(engine, database)).length, 1, 10_000)).toBe(1)
    return await work()
  } finally {
    for (const id of await sleepers(engine, database)) {
      await database.exec(engine.engine === 'postgres' ? `SELECT pg_terminate_backend(${id})` : `KILL ${id}`, 'admin')
    }
    await holding
  }
}

/** The sessions that sleep in this database: who does holds its locks already. */
async function sleepers({ engine }: Engine, { name, rows }: TestDatabase): Promise<(string | null | undefined)[]> {
  const list =
    engine === 'postgres'
      ? `SELECT pid FROM pg_stat_activity WHERE datname = '${name}' AND wait_event = 'PgSleep'`
      : `SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '${name}' AND STATE = 'User sleep'`
  return (await rows(list, 'admin')).map(([id]) => id)
}
