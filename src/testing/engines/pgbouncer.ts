import { chown, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findPgbouncer } from './binaries.js'
import type { EngineFacts } from './engine.js'
import { firstAnswer } from './live-engine.js'
import { PrivateDirectory } from './private-directory.js'
import { freePort, HOST, SERVER_NAME, writeTlsFiles } from './private-server.js'
import { ServerProcess } from './server-process.js'

const READY_MS = 30_000

/** What a test needs of a pooler; `engine`, `host` and `port` stand in for those of the server behind it. */
export interface Pgbouncer extends Pick<EngineFacts, 'engine' | 'host' | 'port' | 'caFile' | 'serverName' | 'logFile'> {
  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): Promise<void>
  /** SIGCONT after `pause()`. */
  resume(): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
  /** Ends it and removes its directory. Idempotent, done within ten seconds. */
  stop(): Promise<void>
}

/** Starts a private PgBouncer in front of a Postgres server, in transaction mode unless the settings say otherwise: as an
 * unprivileged user, on a free port of the loopback address, with TLS for those who ask for it. Every login of the
 * server works through it (`auth_query`), and no start-up parameter beyond the standard ones is taken. Gives the reason
 * where there is none on this machine; throws a plain Error with its last words when it does not come up in 30 s. */
export async function startPgbouncer(
  server: EngineFacts,
  settings: Readonly<Record<string, string>> = {},
): Promise<Pgbouncer | string> {
  const program = await findPgbouncer()
  if (program === undefined) return 'no pgbouncer on this machine; to install one: apt-get install pgbouncer'
  const directory = new PrivateDirectory('pgbouncer')
  try {
    const port = await freePort()
    const tls = await writeTlsFiles(directory, {})
    const file = await writeConfiguration(directory, server, {
      listen_addr: HOST,
      listen_port: String(port),
      unix_socket_dir: '',
      pool_mode: 'transaction',
      default_pool_size: '4',
      query_wait_timeout: '20',
      auth_type: 'scram-sha-256',
      auth_user: server.admin.user,
      auth_file: join(directory.path, 'users.txt'),
      auth_query: 'SELECT usename, passwd FROM pg_shadow WHERE usename = $1',
      client_tls_sslmode: 'allow',
      client_tls_cert_file: tls.cert,
      client_tls_key_file: tls.key,
      ...settings,
    })
    const child = new ServerProcess(directory, program, [file])
    const { engine, admin } = server
    const place = { engine, host: HOST, port, caFile: tls.ca, serverName: SERVER_NAME, logFile: child.logFile }
    const facts = { ...place, origin: 'binary', admin, pid: child.pid } as const
    const version = await firstAnswer(facts, READY_MS, () => child.running)
    if (version === undefined) throw new Error(`no answer; ${await child.lastWords()}`)
    return {
      ...place,
      pause: () => child.pause(),
      resume: () => child.resume(),
      kill: () => child.kill(),
      stop: () => child.stop(),
    }
  } catch (error) {
    await directory.remove()
    throw error
  }
}

/** Writes pgbouncer.ini and what it refers to; nothing secret reaches the arguments of the process. */
async function writeConfiguration(
  directory: PrivateDirectory,
  server: EngineFacts,
  settings: Readonly<Record<string, string>>,
): Promise<string> {
  const { admin, caFile, host, port } = server
  const users = `"${admin.user}" "${admin.password.replaceAll('"', '""')}"\n`
  const toServer =
    caFile === undefined
      ? { server_tls_sslmode: 'disable' }
      : { server_tls_sslmode: 'verify-ca', server_tls_ca_file: join(directory.path, 'upstream-ca.pem') }
  const lines = Object.entries({ ...toServer, ...settings }).map(([name, value]) => `${name} = ${value}`)
  const files: Record<string, string> = {
    'users.txt': users,
    'pgbouncer.ini': `[databases]\n* = host=${host} port=${port}\n\n[pgbouncer]\n${lines.join('\n')}\n`,
    ...(caFile === undefined ? {} : { 'upstream-ca.pem': await readFile(caFile, 'utf8') }),
  }
  for (const [name, text] of Object.entries(files)) {
    const path = join(directory.path, name)
    await writeFile(path, text, { mode: 0o600 })
    if (directory.account !== undefined) await chown(path, directory.account.uid, directory.account.gid)
  }
  return join(directory.path, 'pgbouncer.ini')
}
