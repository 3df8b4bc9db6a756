import pg from 'pg'
import type { supabase } from '../../src/drivers/index.js'
import { Secret } from '../../src/masking/secret.js'
import { POSTGRES_DIALECT } from '../../src/testing/conformance/dialects.js'
import {
  type Engine,
  engineFixture,
  type FixtureDatabase,
  type Pgbouncer,
  type ServerFixture,
} from '../../src/testing/index.js'
import type { Endpoints } from '../drivers/supabase-project.js'

type Settings = Parameters<typeof supabase.open>[0]
type Kind = Endpoints[number]['kind']
type Login = { readonly name: string; readonly user: string; readonly password: string }

/** A project whose direct endpoint is a Postgres of this machine. */
export function directFixture(engine: Engine): ServerFixture<Settings> {
  const plain = engineFixture(engine)
  const through = ({ host, port, database, user, password }: ReturnType<typeof plain.stranger>): Settings =>
    project('direct', { host, port }, { name: database, user, password: password.reveal() })
  return {
    ...plain,
    stranger: (at, password) => through(plain.stranger(at, password)),
    createDatabase: async () => {
      const database = await plain.createDatabase()
      return { ...database, settings: (at) => through(database.settings(at)) }
    },
  }
}

/** A project behind a pooler. Sessions are those of its clients, as the pooler counts them: those of the server behind it
 * are the pooler's own, and stay. */
export function pooledFixture(engine: Engine, pooler: () => Pgbouncer, kind: Kind): ServerFixture<Settings> {
  return {
    get host() {
      return pooler().host
    },
    get port() {
      return pooler().port
    },
    wire: 'postgres',
    tls: {
      get caFile() {
        return pooler().caFile ?? ''
      },
      get serverName() {
        return pooler().serverName ?? ''
      },
    },
    dialect: POSTGRES_DIALECT,
    // Of a user or a database that it does not know, a pooler says that it is a stranger without asking for a password.
    stranger: (at, password) => project(kind, at, { name: 'postgres', user: engine.admin.user, password }),
    createDatabase: async () => pooledDatabase(engine, pooler(), kind),
  }
}

async function pooledDatabase(engine: Engine, pooler: Pgbouncer, kind: Kind): Promise<FixtureDatabase<Settings>> {
  const behind = await engineFixture(engine).createDatabase()
  const direct = behind.settings(engine)
  const login = { name: direct.database, user: direct.user, password: direct.password.reveal() }
  const clients = async () => {
    const rows = await administer(engine, pooler, 'SHOW CLIENTS')
    return rows.filter((client) => client['user'] === login.user).length
  }
  return {
    ...behind,
    settings: (at) => project(kind, at, login),
    sessions: clients,
    endSessions: async () => {
      await behind.endSessions()
      // Who has no transaction open does not notice that the pool has lost a session.
      if ((await clients()) === 0) return
      await administer(engine, pooler, `KILL ${login.name}`)
      await administer(engine, pooler, `RESUME ${login.name}`)
    },
  }
}

/** Settings of a project with one endpoint, and the login as it is: poolers of Supabase add the tenant to it. */
function project(kind: Kind, { host, port }: { host: string; port: number }, login: Login): Settings {
  return {
    project_ref: 'abcdefghijklmnopqrst',
    database: login.name,
    password: new Secret(login.password, 'conformance'),
    endpoints: [{ kind, host, port, user: login.user }],
  }
}

/** One command of PgBouncer's console; https://www.pgbouncer.org/usage.html#admin-console */
async function administer(
  engine: Engine,
  { host, port }: Pgbouncer,
  command: string,
): Promise<Record<string, unknown>[]> {
  const { user, password } = engine.admin
  const client = new pg.Client({ host, port, database: 'pgbouncer', user, password })
  await client.connect()
  try {
    const { rows } = await client.query<Record<string, unknown>>(command)
    return rows
  } finally {
    await client.end()
  }
}
