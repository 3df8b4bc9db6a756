import { type Engine, type EngineName, isMissing, startEngine } from '../src/testing/engines/index.js'
import { MysqlEnd } from './ends/mysql-end.js'
import { PostgresEnd } from './ends/postgres-end.js'
import type { Workplace } from './workplace.js'

/** No waiting for disks and no work on the side, so that what is measured is the way of the rows. That makes the floor
 * low and every ratio against it strict. Sources fit into the servers' memory. */
const SETTINGS: Readonly<Record<EngineName, Readonly<Record<string, string>>>> = {
  mysql: {
    'innodb-flush-log-at-trx-commit': '0',
    'innodb-buffer-pool-size': '1G',
    'innodb-log-file-size': '1G',
    'max-allowed-packet': '64M',
    'local-infile': '1',
  },
  postgres: {
    fsync: 'off',
    autovacuum: 'off',
    shared_buffers: '512MB',
    max_wal_size: '8GB',
    checkpoint_timeout: '1h',
    jit: 'off',
  },
}

/** The two private servers of a run, each a process of its own on the loopback address, without TLS. */
export class Servers {
  readonly mysql: MysqlEnd
  readonly postgres: PostgresEnd
  readonly versions: Readonly<Record<EngineName, string>>
  readonly #engines: readonly Engine[]

  private constructor(engines: readonly Engine[], mysql: MysqlEnd, postgres: PostgresEnd) {
    this.#engines = engines
    this.mysql = mysql
    this.postgres = postgres
    const versionOf = (name: EngineName): string => engines.find(({ engine }) => engine === name)?.version ?? 'unknown'
    this.versions = { mysql: versionOf('mysql'), postgres: versionOf('postgres') }
  }

  /** Throws an Error that says what to install where a server is missing. */
  static async start(workplace: Workplace): Promise<Servers> {
    const engines: Engine[] = []
    try {
      const mysql = await start('mysql', engines)
      const postgres = await start('postgres', engines)
      return new Servers(
        engines,
        new MysqlEnd(mysql, await mysql.createDatabase('bench'), workplace),
        new PostgresEnd(postgres, await postgres.createDatabase('bench'), workplace),
      )
    } catch (error) {
      await stopAll(engines)
      throw error
    }
  }

  /** All settings that differ from the servers' own defaults, for the report. */
  static get settings(): typeof SETTINGS {
    return SETTINGS
  }

  async stop(): Promise<void> {
    await stopAll(this.#engines)
  }
}

async function start(name: EngineName, started: Engine[]): Promise<Engine> {
  const engine = await startEngine(name, { binaryOnly: true, tls: false, settings: SETTINGS[name] })
  if (isMissing(engine)) throw new Error(`${name}: ${engine.reasons.join('; ')}. ${engine.hint}`)
  started.push(engine)
  return engine
}

async function stopAll(engines: readonly Engine[]): Promise<void> {
  await Promise.all(engines.map((engine) => engine.stop()))
}
