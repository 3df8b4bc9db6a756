import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chown, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { whenAbsent } from '../when-absent.js'
import type { Binaries } from './binaries.js'
import { freshDataDirectory } from './data-template.js'
import type { Engine, EngineOptions } from './engine.js'
import type { PrivateDirectory } from './private-directory.js'
import { ADMIN, HOST, type PrivateServerSpec, startPrivateServer } from './private-server.js'
import { runIn } from './server-process.js'

const SETTINGS: Readonly<Record<string, string>> = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  shared_buffers: '128MB',
  max_wal_size: '4GB',
  timezone: 'UTC',
}

/** Starts a private Postgres server from these binaries, with scram-sha-256 for every login. */
export function startPrivatePostgres(binaries: Binaries, options: EngineOptions = {}): Promise<Engine> {
  return startPrivateServer(SPEC, binaries, options)
}

const SPEC: PrivateServerSpec = {
  engine: 'postgres',

  async prepare(directory, binaries) {
    const data = await freshDataDirectory(directory, binaries, (path) => createData(directory, binaries, path))
    const password = randomBytes(18).toString('base64url')
    const sql = `ALTER ROLE ${ADMIN} PASSWORD '${password}';\n`
    await runIn(directory, binaries.server, ['--single', '-D', data, '-c', 'fsync=off', 'postgres'], sql)
    return { data, password }
  },

  args({ data, port, tls, settings }) {
    const all: Record<string, string> = {
      ...SETTINGS,
      listen_addresses: HOST,
      unix_socket_directories: '',
      // In files below the data directory, so that a killed server leaves nothing in /dev/shm.
      dynamic_shared_memory_type: 'mmap',
      ...(tls === undefined ? {} : { ssl: 'on', ssl_cert_file: tls.cert, ssl_key_file: tls.key }),
      ...settings,
    }
    return [
      '-D',
      data,
      '-p',
      String(port),
      ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ]
  },

  /** A killed Postgres leaves its System V interlock segment (56 bytes), named on the seventh line of its lock file:
   * `key id`. */
  async tidy(data) {
    const lock = await whenAbsent(readFile(join(data, 'postmaster.pid'), 'utf8'), '') // none after an orderly end
    const id = /^\d+$/.exec(lock.split('\n')[6]?.trim().split(/\s+/)[1] ?? '')?.[0]
    if (id === undefined) return
    await promisify(execFile)('ipcrm', ['-m', id]).catch(() => {
      process.emitWarning(`the shared memory segment ${id} of a killed Postgres could not be removed`)
    })
  },
}

/** initdb asks for a password; nobody keeps it, since each server gets its own. */
async function createData(directory: PrivateDirectory, binaries: Binaries, path: string): Promise<void> {
  const file = join(directory.path, 'unused-password')
  await writeFile(file, randomBytes(18).toString('base64url'), { mode: 0o600 })
  if (directory.account !== undefined) await chown(file, directory.account.uid, directory.account.gid)
  await runIn(directory, binaries.setup ?? 'initdb', [
    `--pgdata=${path}`,
    `--username=${ADMIN}`,
    `--pwfile=${file}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--no-sync',
  ])
}
