import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { EngineAdmin } from './admin.js'
import { databaseName } from './admin.js'
import type { EngineFacts, SessionFilter, TestDatabase } from './engine.js'

type Login = Pick<EngineFacts, 'host' | 'port' | 'caFile' | 'serverName' | 'admin'>
type Rows = (string | null)[][]

const CONNECT_MS = 5_000
const STATEMENT_MS = 300_000
const CLOSE_MS = 1_000

/** Administers a Postgres server through pg, one short connection for each call. */
export class PostgresAdmin implements EngineAdmin {
  readonly #login: Login

  constructor(login: Login) {
    this.#login = login
  }

  async version(): Promise<string> {
    const [row] = await this.#run(["SELECT current_setting('server_version')"])
    return `PostgreSQL ${/^[\d.]+/.exec(row?.[0] ?? '')?.[0] ?? 'unknown'}`
  }

  async createDatabase(prefix: string): Promise<TestDatabase> {
    const name = databaseName(prefix)
    const password = randomBytes(18).toString('base64url')
    await this.#run([
      `CREATE ROLE ${name} LOGIN PASSWORD '${password}'`,
      // A member may make the role the owner where the administrator is no superuser.
      `GRANT ${name} TO CURRENT_USER`,
      `CREATE DATABASE ${name} OWNER ${name}`,
    ])
    // SET ROLE makes the user own what it creates, while the session stays the administrator's and is not counted.
    const rows = (sql: string, as = 'user') => this.#run([...(as === 'user' ? [`SET ROLE ${name}`] : []), sql], name)
    return {
      name,
      user: name,
      password,
      rows,
      exec: async (sql, as) => {
        await rows(sql, as)
      },
      drop: async () => {
        await this.#run([`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`])
        await this.endSessions({ user: name })
        await this.#run([`DROP ROLE IF EXISTS ${name}`])
      },
    }
  }

  async sessions(filter: SessionFilter): Promise<number> {
    const [row] = await this.#run([`SELECT count(*) FROM pg_stat_activity WHERE ${this.#where(filter)}`])
    return Number(row?.[0])
  }

  async endSessions(filter: SessionFilter): Promise<number> {
    const ended = await this.#run([
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${this.#where(filter)}`,
    ])
    return ended.length
  }

  #where(filter: SessionFilter): string {
    return [
      "backend_type = 'client backend'",
      `usename IS DISTINCT FROM ${quote(this.#login.admin.user)}`,
      ...(filter.user === undefined ? [] : [`usename = ${quote(filter.user)}`]),
      ...(filter.database === undefined ? [] : [`datname = ${quote(filter.database)}`]),
    ].join(' AND ')
  }

  async #run(statements: readonly string[], database = 'postgres'): Promise<Rows> {
    const { Client } = (await import('pg')).default
    const { host, port, caFile, serverName, admin } = this.#login
    const socket = new Socket()
    const client = new Client({
      stream: () => socket,
      query_timeout: STATEMENT_MS,
      host,
      port,
      database,
      user: admin.user,
      password: admin.password,
      application_name: 'airlock-testing',
      connectionTimeoutMillis: CONNECT_MS,
      types: { getTypeParser: () => (value: unknown) => value },
      ssl:
        caFile === undefined
          ? false
          : { ca: await readFile(caFile, 'utf8'), ...(serverName === undefined ? {} : { servername: serverName }) },
    })
    // A server that dies also fails the query, which is where the caller hears of it.
    client.on('error', () => socket.destroy())
    try {
      await client.connect()
      let rows: Rows = []
      for (const text of statements) rows = rowsOf(await client.query({ text, rowMode: 'array' }))
      return rows
    } finally {
      if (!socket.destroyed) await Promise.race([client.end(), sleep(CLOSE_MS, undefined, { ref: false })])
      socket.destroy()
    }
  }
}

/** Of several statements in one text pg gives a list of results; the last one counts. */
function rowsOf(result: unknown): Rows {
  const last: unknown = Array.isArray(result) ? result.at(-1) : result
  return typeof last === 'object' && last !== null && 'rows' in last ? (last.rows as Rows) : []
}

function quote(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}
