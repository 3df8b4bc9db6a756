import { readdir, readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { settle, type TestDatabase } from '../../src/testing/index.js'
import { type BuiltCli, buildCli } from '../setup/built-cli.js'
import { describeWith } from '../setup/engines.js'
import { call, ERAS, httpServer, overHttp, overStdio, type Place, place, proc } from './support.js'

const SLOW = { timeout: 120_000 }
const LONG = { connection: 'shop', sql: 'SELECT pg_sleep(100)' }

describeWith(['postgres'], 'a client that goes away', (engines) => {
  let cli: BuiltCli
  let here: Place
  let database: TestDatabase
  beforeAll(async () => {
    cli = await buildCli()
    database = await engines.postgres.createDatabase('mcp_gone')
    const { host, port } = engines.postgres
    const shop = { driver: 'postgres', host, port, database: database.name, user: database.user, password: '${env:PW}' }
    here = await place({ connections: { shop }, mcp: { timeout_seconds: 100 } }, { PW: database.password })
  })
  afterAll(async () => {
    await database.drop()
    await here[Symbol.asyncDispose]()
    await cli[Symbol.asyncDispose]()
  })

  const sleeping = async () => {
    const sql = `SELECT count(*) FROM pg_stat_activity WHERE usename = '${database.user}' AND query LIKE '%pg_sleep%' AND state = 'active' AND pid <> pg_backend_pid()`
    return Number((await database.rows(sql, 'admin'))[0]![0])
  }
  const until = (count: number) => settle(sleeping, count, 20_000)
  /** Processes that work in this folder. */
  const processes = () =>
    settle(
      async () => {
        const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
        const lines = await Promise.all(pids.map((pid) => proc(Number(pid), 'cmdline').catch(() => '')))
        return lines.filter((line) => line.includes(cli.folder)).length
      },
      0,
      20_000,
    )

  describe.each(ERAS)('in the era of %s', (_, era) => {
    // Broken once: the signal of the request not handed to the bridge.
    it('over stdio: one call that is cancelled ends at the server; the others go on', SLOW, async () => {
      const { client } = await overStdio(cli.bin, here.folder, era)
      const controller = new AbortController()
      const cancelled = call(client, 'query_readonly', LONG, { signal: controller.signal }).catch(String)
      expect(await until(1)).toBe(1)
      controller.abort()
      await cancelled
      expect(await until(0)).toBe(0)
      expect((await call(client, 'query_readonly', { connection: 'shop', sql: 'SELECT 7' })).data['rows']).toEqual([
        [7],
      ])
      await client.close()
      expect(await processes()).toBe(0)
    })

    it('over stdio: with all of it the server and its children end', SLOW, async () => {
      const { client } = await overStdio(cli.bin, here.folder, era, {
        env: { SHOP_PASSWORD: 'so that there is a starter' },
      })
      const calls = [1, 2, 3].map(() => call(client, 'query_readonly', LONG).catch(String))
      expect(await until(3)).toBe(3)
      await client.close()
      await Promise.all(calls)
      expect(await until(0)).toBe(0)
      expect(await processes()).toBe(0)
    })

    it('over HTTP: a connection that breaks ends its call', SLOW, async () => {
      const http = await httpServer(cli.bin, here.folder)
      const client = await overHttp(http.url, era)
      const running = call(client, 'query_readonly', LONG).catch(String)
      expect(await until(1)).toBe(1)
      await client.close()
      await running
      expect(await until(0)).toBe(0)
      http.child.kill('SIGTERM')
      expect(await http.ended).toBe(143)
      expect(await processes()).toBe(0)
    })
  })

  // Broken once: the lifelines of the server and of the child cut.
  it.each([
    ['SIGTERM', 'its starter', { SOME_TOKEN: 'so that there is a starter' }],
    ['SIGKILL', 'its starter', { SOME_TOKEN: 'so that there is a starter' }],
    ['SIGKILL', 'the server itself', {}],
  ] as const)('%s to %s leaves no child behind', SLOW, async (signal, _, env) => {
    const http = await httpServer(cli.bin, here.folder, { env })
    const client = await overHttp(http.url, 'legacy')
    const running = call(client, 'query_readonly', LONG).catch(String)
    expect(await until(1)).toBe(1)
    http.child.kill(signal)
    await http.ended
    await client.close()
    await running
    expect(await until(0)).toBe(0)
    expect(await processes()).toBe(0)
  })

  it('every one of these calls is in the audit log with its outcome', async () => {
    const records = await here.records()
    const calls = records.filter(({ type }) => type === 'agent.call')
    const intents = new Set(calls.filter(({ outcome }) => outcome === 'intent').map(({ op }) => op))
    const outcomes = calls.filter(({ outcome }) => outcome !== 'intent')
    expect(outcomes.every(({ op }) => intents.has(op))).toBe(true)
    expect(outcomes.some(({ data }) => (data as { code?: string } | null)?.code === 'ABORTED')).toBe(true)
    expect(await readFile(`${here.folder}/airlock.yaml`, 'utf8')).toContain('timeout_seconds')
  })
})
