import { expect, it } from 'vitest'
import type { ManagedSession } from '../../src/core/managed-session.js'
import type { HeldSnapshot } from '../../src/core/shared-snapshot.js'
import { isMissing, settle, startEngine, type TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { innodbTransactions } from '../setup/innodb-transactions.js'
import { open, timed } from './support.js'

const TIMEOUT = 120_000
const never = new AbortController().signal

async function hold(session: ManagedSession, table: string): Promise<HeldSnapshot> {
  const held = await session.holdSnapshot(table)
  if (typeof held === 'string') throw new Error(held)
  return held
}

/** What a query gives in this session, with the settings that it has now. */
async function asked(session: ManagedSession, query: string): Promise<unknown[]> {
  const found: unknown[] = []
  for await (const batch of session.extract({ query }, never)) {
    for (const row of batch.objects()) found.push(...Object.values(row))
  }
  return found
}

const waiting = async ({ rows, name }: TestDatabase) =>
  (await rows(`SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '${name}' AND STATE LIKE 'Waiting for table%'`))
    .length

describeWith(['mysql'], 'a snapshot of a MySQL table that several sessions share', ({ mysql }) => {
  async function database() {
    const made = await mysql.createDatabase('shared')
    await made.exec('CREATE TABLE orders (id INT NOT NULL PRIMARY KEY); INSERT INTO orders VALUES (1), (2), (3)')
    return { ...made, [Symbol.asyncDispose]: () => made.drop() }
  }

  // Seen red with the usual time to wait for a lock, with its end thrown, and with the short time left in the session.
  it('is not entered by who would have to wait for somebody that alters the table', { timeout: TIMEOUT }, async () => {
    await using shared = await database()
    await using holder = await open(mysql, shared)
    await using first = await open(mysql, shared)
    await using second = await open(mysql, shared)
    const held = await hold(holder, 'orders')
    expect(await first.enterSnapshot(held)).toBe(true)
    const emptying = shared.exec('TRUNCATE TABLE orders')
    emptying.catch(() => undefined)
    expect(await settle(() => waiting(shared), 1, 10_000)).toBe(1)
    // Half a minute is the usual time, for which nobody could write.
    const { ms, result } = await timed(() => second.enterSnapshot(held))
    expect([result, ms < 20_000]).toEqual([false, true])
    await held[Symbol.asyncDispose]()
    expect(await asked(second, 'SELECT @@lock_wait_timeout AS n')).toEqual(['30'])
    expect(await asked(first, 'SELECT id FROM orders ORDER BY id')).toEqual(['1', '2', '3'])
    await first.reset()
    await emptying
    expect(await asked(second, 'SELECT count(*) AS n FROM orders')).toEqual(['0'])
  })

  // Seen red without the ROLLBACK.
  it('is not entered on another server, where no transaction is left', async () => {
    await using shared = await database()
    await using holder = await open(mysql, shared)
    await using reader = await open(mysql, shared)
    await using held = await hold(holder, 'orders')
    expect(await reader.enterSnapshot({ ...held, id: 'another' })).toBe(false)
    const inTransaction = async () => (await shared.rows(innodbTransactions(shared.user), 'admin')).length
    await expect.poll(inTransaction, { interval: 250 }).toBe(0)
    expect(await reader.enterSnapshot(held)).toBe(true)
    await expect.poll(inTransaction, { interval: 250 }).toBe(1)
  })

  // Seen red without wait_timeout: the server gives that of eight hours.
  it('locks the table for no more than half a minute where its session falls silent', async () => {
    await using shared = await database()
    await using holder = await open(mysql, shared)
    const [usual] = await asked(holder, 'SELECT @@wait_timeout AS n')
    const held = await hold(holder, 'orders')
    await holder.ping()
    await held[Symbol.asyncDispose]()
    expect(await asked(holder, 'SELECT @@wait_timeout AS n')).toEqual(['30'])
    await holder.reset()
    expect(await asked(holder, 'SELECT @@wait_timeout AS n')).toEqual([usual])
    expect(Number(usual)).toBeGreaterThan(30)
  })

  // Seen red without looking at the variable. It stands for a server that reads what another one writes.
  it('is not given by a server that cannot write', { timeout: TIMEOUT }, async ({ skip }) => {
    if (!mysql.version.startsWith('MariaDB')) skip('MySQL keeps its users in InnoDB')
    const engine = await startEngine('mysql', { binaryOnly: true, settings: { 'innodb-read-only': '1' } })
    if (isMissing(engine)) return skip('needs a server program')
    try {
      await using session = await open(engine, { name: 'mysql', ...engine.admin })
      expect(await session.holdSnapshot('innodb_table_stats')).toMatch(/another one writes/)
    } finally {
      await engine.stop()
    }
  })
})
