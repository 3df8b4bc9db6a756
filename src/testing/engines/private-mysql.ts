import { randomBytes } from 'node:crypto'
import { chown, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Binaries } from './binaries.js'
import { freshDataDirectory } from './data-template.js'
import type { Engine, EngineOptions } from './engine.js'
import type { PrivateDirectory } from './private-directory.js'
import { ADMIN, HOST, type PrivateServerSpec, startPrivateServer } from './private-server.js'
import { runIn } from './server-process.js'

/** Read by the server at its first start, before it accepts connections; then removed. */
const INIT_FILE = 'init.sql'

const SETTINGS: Readonly<Record<string, string>> = {
  'innodb-flush-log-at-trx-commit': '0',
  'innodb-doublewrite': '0',
  'sync-binlog': '0',
  'innodb-buffer-pool-size': '128M',
  'character-set-server': 'utf8mb4',
}

/** Starts a private MariaDB or MySQL server from these binaries. */
export function startPrivateMysql(binaries: Binaries, options: EngineOptions = {}): Promise<Engine> {
  return startPrivateServer(SPEC, binaries, options)
}

const SPEC: PrivateServerSpec = {
  engine: 'mysql',

  async prepare(directory, binaries) {
    const data = await freshDataDirectory(directory, binaries, (path) => createData(directory, binaries, path))
    const password = randomBytes(18).toString('base64url')
    const file = join(directory.path, INIT_FILE)
    const root = isMariaDb(binaries)
      ? `DELETE FROM mysql.global_priv WHERE User = 'root';`
      : `DROP USER root@localhost;`
    await writeFile(
      file,
      `CREATE USER ${ADMIN}@'%' IDENTIFIED BY '${password}';\nGRANT ALL ON *.* TO ${ADMIN}@'%' WITH GRANT OPTION;\n${root}\nFLUSH PRIVILEGES;\n`,
      { mode: 0o600 },
    )
    if (directory.account !== undefined) await chown(file, directory.account.uid, directory.account.gid)
    return { data, password }
  },

  args({ directory, binaries, data, port, tls, settings }) {
    return [
      '--no-defaults',
      `--datadir=${data}`,
      `--tmpdir=${directory.path}`,
      `--socket=${join(directory.path, 'sock')}`,
      `--pid-file=${join(directory.path, 'server.pid')}`,
      `--init-file=${join(directory.path, INIT_FILE)}`,
      `--bind-address=${HOST}`,
      `--port=${port}`,
      '--skip-name-resolve',
      '--skip-log-bin',
      ...(isMariaDb(binaries) ? [] : ['--mysqlx=OFF', '--performance-schema=OFF']),
      ...(tls === undefined
        ? [noTls(binaries)]
        : [`--ssl-ca=${tls.ca}`, `--ssl-cert=${tls.cert}`, `--ssl-key=${tls.key}`]),
      ...Object.entries({ ...SETTINGS, ...settings }).map(([name, value]) => `--${name}=${value}`),
    ]
  },

  async ready(directory) {
    await rm(join(directory.path, INIT_FILE))
  },
}

async function createData(directory: PrivateDirectory, binaries: Binaries, path: string): Promise<void> {
  if (binaries.setup === undefined) {
    await runIn(directory, binaries.server, ['--no-defaults', '--initialize-insecure', `--datadir=${path}`])
    return
  }
  await runIn(directory, binaries.setup, [
    '--no-defaults',
    `--datadir=${path}`,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
    '--skip-name-resolve',
    '--innodb-log-file-size=8M',
  ])
}

function isMariaDb(binaries: Binaries): boolean {
  return /mariadb/i.test(binaries.version)
}

/** MySQL 8.4 has no --skip-ssl any more. */
function noTls(binaries: Binaries): string {
  return isMariaDb(binaries) ? '--skip-ssl' : '--tls-version='
}
