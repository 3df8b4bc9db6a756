import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process'
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, inject, it, onTestFinished } from 'vitest'
import { type EngineFacts, settle } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'

const NOBODY_LISTENS = '127.0.0.1:1'

interface Demo {
  readonly child: ChildProcessByStdio<null, Readable, Readable>
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>
  /** Resolves when stderr holds the text. */
  says(text: string): Promise<void>
}

describeWith(['mysql', 'postgres'], 'airlock demo', ({ mysql, postgres }) => {
  /** Everything temporary of the demos goes here, so that what they leave can be seen. */
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'airlock-demo-test-'))
    await chmod(folder, 0o711) // servers that run as another account must get in
  })

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true })
  })

  function demo(args: readonly string[], env: Readonly<Record<string, string>> = {}): Demo {
    const child = spawn(process.execPath, [inject('cli'), 'demo', ...args], {
      env: { PATH: process.env['PATH'], TMPDIR: folder, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    const ended = new Promise<Awaited<Demo['ended']>>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code) => resolve({ code, stdout, stderr }))
    })
    const says = async (text: string): Promise<void> => {
      while (!stderr.includes(text)) {
        if (child.exitCode !== null) throw new Error(`the demo ended before it said ${text}: ${stderr}`)
        await sleep(5)
      }
    }
    return { child, ended, says }
  }

  /** Servers and watchdogs name the folder on their command line. */
  async function processesLeft(): Promise<number> {
    const { stdout } = await promisify(execFile)('ps', ['-A', '-ww', '-o', 'args='])
    return stdout.split('\n').filter((line) => line.includes(`${folder}/`)).length
  }

  /** But for what is kept between starts: templates of data directories and compiled TypeScript. */
  async function foldersLeft(): Promise<readonly string[]> {
    return (await readdir(folder)).filter((name) => !/^(airlock-engines|tsx)-\d+$/.test(name))
  }

  it('moves the shop, shows it, and leaves nothing', async () => {
    const { code, stdout, stderr } = await demo(['--rows', '5000']).ended
    expect(stderr).toMatch(/^Servers {6}(MariaDB|MySQL) [\d.]+ and PostgreSQL [\d.]+, started \w+/)
    expect(stderr).toContain('8,000 made-up rows')
    expect(stderr).toContain(`password: "\${env:DEMO_SHOP_PASSWORD}"`)
    expect(stderr).toMatch(/orders → public\.orders {2}\(replace, new table, 10 columns, about \d,\d{3} rows\)/)
    expect(stdout).toMatch(/customers +ok +500 .+ email, phone, card, birthday, notes +count ok/)
    expect(stdout).toMatch(/orders +ok +5,000 .+ email +count ok/)
    expect(stdout).toMatch(/events +ok +2,500 .+ ip +count ok/)
    expect(stdout).toMatch(/email +grace\.17@example\.org +g\*\*\*@example\.org/)
    expect(stdout).toMatch(/card +4000 0000 1921 2399 +\*\*\*$/m)
    expect(stdout).toMatch(/amount +662\.85 +662\.85$/m)
    expect(stdout).toMatch(/Audit +\.airlock\/audit\/audit-\d+\.jsonl: verified, 8 records, intact/)
    expect(stdout).toContain('0 left open, counted at both servers')
    expect(code).toBe(0)
    // Its passwords have 24 characters of base64url and its mask key has 43; nothing that it prints looks like that.
    expect(stdout + stderr).not.toMatch(/(?<![\w-])(?:[\w-]{24}|[\w-]{43})(?![\w-])/)
    for (const line of (stdout + stderr).split('\n')) expect(line.length, line).toBeLessThanOrEqual(130)
    expect(await processesLeft()).toBe(0)
    expect(await foldersLeft()).toEqual([])
  })

  it.each([
    ['while it makes up the shop', 'Servers', '3000000'],
    ['while rows move', 'masks: ip', '300000'],
  ])('ends within two seconds on SIGINT %s', async (_, text, rows) => {
    const running = demo(['--rows', rows])
    await running.says(text)
    await sleep(300)
    const started = performance.now()
    running.child.kill('SIGINT')
    const { code, stdout, stderr } = await running.ended
    // Two seconds are promised; the rest is for a machine that has other things to do.
    expect(performance.now() - started).toBeLessThan(4_000)
    expect(code).toBe(130)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^airlock: INTERRUPTED: .+ \[ref [\da-f]{12}\]$/m)
    // Where the grace period ended first, the watchdogs finish the work.
    expect(await settle(processesLeft, 0, 5_000)).toBe(0)
    expect(await settle(async () => (await foldersLeft()).length, 0, 5_000)).toBe(0)
  })

  it('prints one envelope with --json, keeps its files with --keep, and drops its databases on a given server', async () => {
    const home = join(folder, 'home-of-somebody')
    const env = { AIRLOCK_TEST_MYSQL_URL: url(mysql), AIRLOCK_TEST_POSTGRES_URL: url(postgres), AIRLOCK_HOME: home }
    const { code, stdout, stderr } = await demo(['--rows', '100', '--json', '--keep'], env).ended
    expect(code).toBe(0)
    expect(stderr).toBe('')
    expect(stdout).not.toContain(mysql.admin.password)
    expect(stdout).not.toContain(postgres.admin.password)
    const { ok, data } = JSON.parse(stdout)
    expect(ok).toBe(true)
    expect(data.report.rows_written).toBe(160)
    expect(data.audit).toEqual({ ok: true, records: 8 })
    expect(data.connections_left).toBe(0)
    expect(Object.keys(data)).not.toContain('samples')
    onTestFinished(() => rm(data.folder, { recursive: true, force: true }))
    expect((await readdir(data.folder)).sort()).toEqual(
      ['.airlock', 'airlock.yaml', 'nightly.yaml', 'shop-ca.pem', 'warehouse-ca.pem'].sort(),
    )
    expect(await readFile(join(data.folder, 'airlock.yaml'), 'utf8')).toContain('mode: verify-full')
    expect(await foldersLeft()).toEqual([data.folder.slice(folder.length + 1)])
    const [name] = /shop_[\da-f]{8}/.exec(await readFile(join(data.folder, 'airlock.yaml'), 'utf8')) ?? []
    const probe = await mysql.createDatabase('demo_probe')
    onTestFinished(() => probe.drop())
    expect(await probe.rows(`SHOW DATABASES LIKE '${name}'`)).toEqual([])
  })

  it('reads from Postgres where there is no MySQL', async () => {
    const env = {
      AIRLOCK_TEST_MYSQL_URL: `mysql://nobody:nothing@${NOBODY_LISTENS}/`,
      AIRLOCK_TEST_POSTGRES_URL: url(postgres),
    }
    const { code, stdout, stderr } = await demo(['--rows', '1000'], env).ended
    expect(stderr).toMatch(/No MySQL or MariaDB here \(`.+` gets one\), so PostgreSQL is the source as well\./)
    expect(stderr).not.toContain(NOBODY_LISTENS)
    expect(stdout).toMatch(/orders +ok +1,000 /)
    expect(stdout).toContain('0 left open, counted at the server')
    expect(code).toBe(0)
  })

  it('says in one line what to install where there is no Postgres', async () => {
    const env = {
      AIRLOCK_TEST_MYSQL_URL: url(mysql),
      AIRLOCK_TEST_POSTGRES_URL: `postgres://nobody:nothing@${NOBODY_LISTENS}/`,
    }
    const { code, stdout, stderr } = await demo([], env).ended
    expect(code).toBe(3)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^airlock: ENGINE_MISSING: No Postgres .+ Install one .+ \[ref [\da-f]{12}\]\n$/)
  })

  it.each(['0', '1e3', '10000001'])('refuses --rows %s', async (rows) => {
    const { code, stderr } = await demo([`--rows=${rows}`]).ended
    expect(code).toBe(2)
    expect(stderr).toContain('airlock: USAGE: ')
  })
})

function url({ engine, admin, host, port, caFile, serverName }: EngineFacts): string {
  const query = new URLSearchParams({
    ...(caFile === undefined ? {} : { ca: caFile }),
    ...(serverName === undefined ? {} : { server_name: serverName }),
  })
  return `${engine}://${admin.user}:${admin.password}@${host}:${port}/?${query}`
}
