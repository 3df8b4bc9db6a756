import { accessSync, constants, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The programs that the benchmarks run, by their paths. */
export interface Programs {
  readonly psql: string
  readonly mariadb: string
  /** Comes with psql as a rule; its case is left out where it is missing. */
  readonly pgDump: string | undefined
  /** A Debian package of its own; its cases are left out where it is missing. */
  readonly pgloader: string | undefined
  /** GNU time, which knows the CPU seconds and peak memory of a finished process tree exactly. */
  readonly time: string | undefined
}

/** Finds them. Throws an Error that says what to install where one that cannot be done without is missing. */
export function findPrograms(): Programs {
  return {
    psql: needed(find('psql', postgresPlaces()), 'psql', 'postgresql-client'),
    mariadb: needed(find('mariadb'), 'mariadb', 'mariadb-client'),
    pgDump: find('pg_dump', postgresPlaces()),
    pgloader: find('pgloader'),
    time: find('time'),
  }
}

function needed(path: string | undefined, name: string, debianPackage: string): string {
  if (path === undefined) throw new Error(`${name} is missing: apt-get install ${debianPackage}`)
  return path
}

function find(name: string, places: readonly string[] = []): string | undefined {
  const candidates = [...places, ...(process.env['PATH'] ?? '').split(delimiter)].map((place) => join(place, name))
  return candidates.find(isExecutable)
}

/** Debian's `/usr/bin/psql` is a Perl script in front of the real one: its start-up is not psql's. */
function postgresPlaces(): string[] {
  const root = '/usr/lib/postgresql'
  return entries(root)
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(root, version, 'bin'))
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return [] // not a Debian machine: PATH is what remains
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
