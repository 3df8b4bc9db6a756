import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { getContainerRuntimeClient } from 'testcontainers'
import { describe, expect, inject, it } from 'vitest'
import { startContainer } from '../../src/testing/engines/container-engine.js'
import { type Engine, type EngineName, type EngineOptions, factsOf } from '../../src/testing/index.js'
import { openSession } from '../testing/engines/session.js'

const TEST_MS = 120_000

async function start(name: EngineName, options: EngineOptions = {}): Promise<Engine> {
  const engine = await startContainer(name, options, inject('images')[name])
  if (typeof engine === 'string') throw new Error(engine)
  return engine
}

/** Whether any container, running or not, has this port of ours. */
async function isPublished(port: number): Promise<boolean> {
  const { container } = await getContainerRuntimeClient()
  return (await container.list()).some(({ Ports }) => Ports.some(({ PublicPort }) => PublicPort === port))
}

describe.each(['mysql', 'postgres'] as const)('a container of %s', (name) => {
  it(
    'asks for the password, shows a certificate that can be verified, and leaves nothing',
    async () => {
      const engine = await start(name)
      try {
        expect(engine).toMatchObject({ origin: 'container', engine: name, serverName: 'db.airlock.test' })
        expect(engine.host).toMatch(/^[\d.]+$|:/)
        expect(await isPublished(engine.port)).toBe(true)
        const database = await engine.createDatabase()
        const session = await openSession(engine, database, 'localhost')
        await session.query('SELECT 1')
        expect(await engine.sessions({ user: database.user })).toBe(1)
        session.close()
        await expect(openSession(engine, { ...database, password: 'wrong' })).rejects.toThrow(
          /denied|authentication failed/,
        )
        await expect(engine.kill()).rejects.toMatchObject({ code: 'UNSUPPORTED' })
      } finally {
        await Promise.all([engine.stop(), engine.stop()])
      }
      expect(await isPublished(engine.port)).toBe(false)
      expect(existsSync(dirname(engine.caFile ?? ''))).toBe(false)
    },
    TEST_MS,
  )

  it(
    'has no TLS where none is wanted, and settings of our own',
    async () => {
      const engine = await start(name, { tls: false, settings: { max_connections: '17' } })
      try {
        expect(engine.caFile).toBeUndefined()
        const database = await engine.createDatabase()
        const shown = name === 'mysql' ? 'SELECT @@max_connections' : 'SHOW max_connections'
        expect(await database.rows(shown)).toEqual([['17']])
        const asking = { ...factsOf(engine), caFile: import.meta.filename } // any file: the refusal comes first
        await expect(openSession(asking, database)).rejects.toThrow(/SSL|secure/)
      } finally {
        await engine.stop()
      }
    },
    TEST_MS,
  )

  it(
    'shows an expired certificate',
    async () => {
      const engine = await start(name, { certificate: { expired: true } })
      try {
        await expect(openSession(engine, await engine.createDatabase())).rejects.toThrow(/expired/)
      } finally {
        await engine.stop()
      }
    },
    TEST_MS,
  )
})

it(
  'fails for an image that cannot be had',
  async () => {
    await expect(startContainer('postgres', {}, 'airlock-standin-nothing:none')).rejects.toThrow(
      /airlock-standin-nothing/,
    )
  },
  TEST_MS,
)
