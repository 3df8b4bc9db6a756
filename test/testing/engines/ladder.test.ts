import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { findMysql, findPostgres } from '../../../src/testing/engines/binaries.js'
import { startContainer } from '../../../src/testing/engines/container-engine.js'
import { descendants, isRunning } from '../../../src/testing/engines/processes.js'
import { type EngineFacts, FaultProxy, isMissing, settle, startEngine } from '../../../src/testing/index.js'
import { describeWith } from '../../setup/engines.js'

const VARIABLES = { mysql: 'AIRLOCK_TEST_MYSQL_URL', postgres: 'AIRLOCK_TEST_POSTGRES_URL' }

afterEach(() => {
  vi.unstubAllEnvs()
})

function urlOf(engine: EngineFacts, port = engine.port): string {
  const { user, password } = engine.admin
  const parameters = engine.caFile === undefined ? '' : `?ca=${engine.caFile}&server_name=localhost`
  return `${engine.engine}://${user}:${encodeURIComponent(password)}@${engine.host}:${port}/${parameters}`
}

describeWith(['mysql', 'postgres'], 'the URL step', (engines) => {
  it.each(['mysql', 'postgres'] as const)('uses the %s server of the URL and leaves it running', async (name) => {
    vi.stubEnv(VARIABLES[name], urlOf(engines[name]))
    const engine = await startEngine(name)
    if (isMissing(engine)) throw new Error(engine.reasons.join('; '))
    expect(engine).toMatchObject({ origin: 'url', port: engines[name].port, version: engines[name].version })
    await expect(engine.kill()).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    await expect(engine.pause()).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    await engine.stop()
    const database = await engine.createDatabase()
    await database.drop()
  })

  it.each(['mysql', 'postgres'] as const)('tries no other step when the %s URL does not work', async (name) => {
    const proxy = await FaultProxy.start(engines[name], { kind: 'refuse' })
    vi.stubEnv(VARIABLES[name], urlOf(engines[name], proxy.port))
    const found = await startEngine(name)
    if (!isMissing(found)) throw new Error('an engine was found')
    expect(found.reasons).toHaveLength(1)
    expect(found.reasons[0]).toContain(VARIABLES[name])
    expect(found.reasons[0]).not.toContain(engines[name].admin.password)
    expect(found.hint).toContain('apt-get install')
  })
})

describe('a URL that is refused', () => {
  it.each([
    ['cannot be parsed', 'mysql://root:pa/ss#word@h:x/'],
    ['belongs to another engine', 'postgres://root:pa%2Fss@127.0.0.1:1/'],
    ['has no password', 'mysql://pass@127.0.0.1:1/'],
  ])('says that it %s, without a word of it', async (why, url) => {
    vi.stubEnv('AIRLOCK_TEST_MYSQL_URL', url)
    const found = await startEngine('mysql')
    if (!isMissing(found)) throw new Error('an engine was found')
    expect(found.reasons.join()).toContain(why)
    expect(found.reasons.join()).not.toMatch(/pa.?ss(?!word)|127|root/)
  })
})

describe('the container step', () => {
  it('gives up within a second when nothing answers, or something that is no Docker daemon', async () => {
    const stalled = await FaultProxy.start({ host: '127.0.0.1', port: 1 }, { kind: 'stall' })
    try {
      for (const address of [`tcp://${stalled.host}:${stalled.port}`, 'unix:///nowhere/docker.sock']) {
        vi.stubEnv('DOCKER_HOST', address)
        const begun = performance.now()
        expect(await startContainer('postgres', {})).toBe('no Docker daemon answers')
        expect(performance.now() - begun).toBeLessThan(5_000)
      }
      expect(await settle(() => stalled.counts.open, 0, 1_000)).toBe(0)
    } finally {
      await stalled.close()
    }
  })
})

const servers = { mysql: await findMysql(), postgres: await findPostgres() }

describe.each(['mysql', 'postgres'] as const)('processes that own a %s server', (name) => {
  let home: string
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'airlock-test-'))
    await chmod(home, 0o755)
  })
  afterEach(() => rm(home, { recursive: true, force: true }))

  function own(...then: string[]): ChildProcess {
    return spawn(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'owner.ts'), name, ...then], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, TMPDIR: home },
    })
  }

  async function whereabouts(owner: ChildProcess): Promise<{ pid: number; directory: string }> {
    const [line] = await once(owner.stdout ?? owner, 'data')
    const { pid, logFile } = JSON.parse(String(line)) as { pid: number; logFile: string }
    return { pid, directory: dirname(logFile) }
  }

  it.runIf(servers[name] !== undefined)(
    'may race for the first template; one killed and one that just ends leave nothing',
    async () => {
      const killed = own('wait')
      const ending = own()
      const places = await Promise.all([whereabouts(killed), whereabouts(ending)])
      if (ending.exitCode === null) await once(ending, 'exit')
      expect(ending.exitCode).toBe(0)
      const server = places[0]
      expect(await isRunning(server.pid)).toBe(true)
      expect(existsSync(server.directory)).toBe(true)
      const processes = [server.pid, ...(await descendants(server.pid))]
      killed.kill('SIGKILL')
      await once(killed, 'exit')
      for (const pid of [...processes, places[1].pid]) {
        expect(await settle(async () => Number(await isRunning(pid)), 0, 5_000)).toBe(0)
      }
      const ours = async () => (await readdir(home)).filter((entry) => entry.startsWith('airlock-'))
      expect(await settle(async () => (await ours()).length, 1, 5_000)).toBe(1)
      const [cache = ''] = await ours()
      expect(await readdir(join(home, cache))).toHaveLength(1)
    },
    60_000,
  )
})
