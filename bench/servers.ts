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

/** What the routes of a run need besides one server of each kind. */
export interface ServerNeeds {
  /** A Postgres that is only read from, beside the one that is written to. */
  readonly postgresSource: boolean
  /** Whether the servers have certificates. Clients that do not ask for TLS stay in clear either way. */
  readonly tls: boolean
}

/** The private servers of a run, each a process of its own on the loopback address. */
export class Servers {
  readonly mysql: MysqlEnd
  readonly postgres: PostgresEnd
  readonly versions: Readonly<Record<EngineName, string>>
  readonly #postgresSource: PostgresEnd | undefined
  readonly #engines: readonly Engine[]

  private constructor(
    engines: readonly Engine[],
    ends: {
      readonly mysql: MysqlEnd
      readonly postgres: PostgresEnd
      readonly postgresSource: PostgresEnd | undefined
    },
  ) {
    this.#engines = engines
    this.mysql = ends.mysql
    this.postgres = ends.postgres
    this.#postgresSource = ends.postgresSource
    const versionOf = (name: EngineName): string => engines.find(({ engine }) => engine === name)?.version ?? 'unknown'
    this.versions = { mysql: versionOf('mysql'), postgres: versionOf('postgres') }
  }

  /** Throws an Error that says what to install where a server is missing. */
  static async start(workplace: Workplace, needs: ServerNeeds): Promise<Servers> {
    const engines: Engine[] = []
    const startPostgres = async (): Promise<PostgresEnd> => {
      const engine = await start('postgres', needs.tls, engines)
      return new PostgresEnd(engine, await engine.createDatabase('bench'), workplace)
    }
    try {
      const mysql = await start('mysql', needs.tls, engines)
      return new Servers(engines, {
        mysql: new MysqlEnd(mysql, await mysql.createDatabase('bench'), workplace),
        postgres: await startPostgres(),
        postgresSource: needs.postgresSource ? await startPostgres() : undefined,
      })
    } catch (error) {
      await stopAll(engines)
      throw error
    }
  }

  /** All settings that differ from the servers' own defaults, for the report. */
  static get settings(): typeof SETTINGS {
    return SETTINGS
  }

  /** The Postgres that is read from. */
  get postgresSource(): PostgresEnd {
    if (this.#postgresSource === undefined) throw new Error('no route of this run has said that it reads from Postgres')
    return this.#postgresSource
  }

  async stop(): Promise<void> {
    await stopAll(this.#engines)
  }
}

async function start(name: EngineName, tls: boolean, started: Engine[]): Promise<Engine> {
  const engine = await startEngine(name, { binaryOnly: true, tls, settings: SETTINGS[name] })
  if (isMissing(engine)) throw new Error(`${name}: ${engine.reasons.join('; ')}. ${engine.hint}`)
  started.push(engine)
  return engine
}

async function stopAll(engines: readonly Engine[]): Promise<void> {
  await Promise.all(engines.map((engine) => engine.stop()))
}
