import { Secret } from '../../masking/secret.js'
import type { Engine, TestDatabase } from '../engines/engine.js'
import { MYSQL_DIALECT, POSTGRES_DIALECT } from './dialects.js'
import type { FixtureDatabase, ServerAddress, ServerFixture } from './server-fixture.js'

/** Settings of a connection to a server that is reached by host and port, as a user would write them. */
export interface EngineSettings {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: Secret<string>
}

const RUNNING = {
  mysql: (user: string) =>
    `SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = '${user}' AND COMMAND = 'Query'`,
  // A backend that waits for its client in the middle of a COPY is active as well.
  postgres: (user: string) => `SELECT count(*) FROM pg_stat_activity WHERE usename = '${user}' AND state = 'active'`,
} as const

/** The conformance fixture of an engine from `startEngine` or `connectEngine`. Counts are taken by the administrator:
 * `SHOW PROCESSLIST` and `pg_stat_activity`, narrowed to the login of the test. */
export function engineFixture(engine: Engine): ServerFixture<EngineSettings> {
  const { host, port, caFile, serverName } = engine
  return {
    host,
    port,
    wire: engine.engine,
    tls: caFile === undefined || serverName === undefined ? undefined : { caFile, serverName },
    dialect: engine.engine === 'mysql' ? MYSQL_DIALECT : POSTGRES_DIALECT,
    stranger: (at, password) => settings(at, { name: 'nowhere', user: 'stranger', password }),
    createDatabase: async () => fixtureDatabase(engine, await engine.createDatabase('conform')),
  }
}

function fixtureDatabase(engine: Engine, database: TestDatabase): FixtureDatabase<EngineSettings> {
  const { user } = database
  return {
    settings: (at) => settings(at, database),
    exec: (sql) => database.exec(sql),
    rows: (sql) => database.rows(sql),
    sessions: () => engine.sessions({ user }),
    running: async () => Number((await database.rows(RUNNING[engine.engine](user), 'admin'))[0]?.[0]),
    endSessions: async () => {
      await engine.endSessions({ user })
    },
    drop: () => database.drop(),
  }
}

function settings(at: ServerAddress, login: Pick<TestDatabase, 'name' | 'user' | 'password'>): EngineSettings {
  const { name: database, user, password } = login
  return { host: at.host, port: at.port, database, user, password: new Secret(password, 'conformance') }
}
