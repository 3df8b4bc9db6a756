import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { EngineAdmin } from './admin.js'
import { databaseName } from './admin.js'
import type { EngineFacts, SessionFilter, TestDatabase } from './engine.js'

type Login = Pick<EngineFacts, 'host' | 'port' | 'caFile' | 'admin'>
type Rows = (string | null)[][]

const CONNECT_MS = 5_000
const STATEMENT_MS = 300_000
const CLOSE_MS = 1_000

/** Administers a MySQL or MariaDB server through mysql2, one short connection for each call. */
export class MysqlAdmin implements EngineAdmin {
  readonly #login: Login

  constructor(login: Login) {
    this.#login = login
  }

  async version(): Promise<string> {
    const [row] = await this.#run("SELECT VERSION(), @@version_comment LIKE '%maria%' OR VERSION() LIKE '%maria%'")
    return `${row?.[1] === '1' ? 'MariaDB' : 'MySQL'} ${/^[\d.]+/.exec(row?.[0] ?? '')?.[0] ?? 'unknown'}`
  }

  async createDatabase(prefix: string): Promise<TestDatabase> {
    const name = databaseName(prefix)
    const password = randomBytes(18).toString('base64url')
    await this.#run(`
      CREATE DATABASE ${name} CHARACTER SET utf8mb4;
      CREATE USER ${name}@'%' IDENTIFIED BY '${password}';
      GRANT ALL ON \`${name.replaceAll('_', '\\_')}\`.* TO ${name}@'%'`)
    // MySQL objects have no owner, so the administrator may create them for the user.
    const rows = (sql: string) => this.#run(sql, name)
    return {
      name,
      user: name,
      password,
      rows,
      exec: async (sql) => {
        await rows(sql)
      },
      drop: async () => {
        await this.endSessions({ user: name })
        await this.endSessions({ database: name })
        await this.#run(`DROP DATABASE IF EXISTS ${name}; DROP USER IF EXISTS ${name}@'%'`)
      },
    }
  }

  async sessions(filter: SessionFilter): Promise<number> {
    return (await this.#sessionIds(filter)).length
  }

  async endSessions(filter: SessionFilter): Promise<number> {
    const ids = await this.#sessionIds(filter)
    for (const id of ids) {
      await this.#run(`KILL ${id}`).catch((error: unknown) => {
        if (!hasErrno(error, 1094)) throw error // no such thread: it has ended by itself
      })
    }
    return ids.length
  }

  async #sessionIds(filter: SessionFilter): Promise<string[]> {
    const where = [
      `USER NOT IN (${[this.#login.admin.user, 'system user', 'event_scheduler'].map(quote).join(', ')})`,
      ...(filter.user === undefined ? [] : [`USER = ${quote(filter.user)}`]),
      ...(filter.database === undefined ? [] : [`DB = ${quote(filter.database)}`]),
    ]
    const rows = await this.#run(`SELECT ID FROM information_schema.PROCESSLIST WHERE ${where.join(' AND ')}`)
    return rows.map(([id]) => id ?? '')
  }

  async #run(sql: string, database?: string): Promise<Rows> {
    const { createConnection } = await import('mysql2/promise')
    const { host, port, caFile, admin } = this.#login
    const ssl = caFile === undefined ? undefined : { ca: await readFile(caFile, 'utf8') }
    const socket = connect({ host, port })
    // mysql2's own query timeout outlives a connection that was lost, and keeps the process alive.
    const deadline = setTimeout(() => socket.destroy(new Error('the statement took too long')), STATEMENT_MS).unref()
    try {
      const connection = await createConnection({
        stream: socket,
        user: admin.user,
        password: admin.password,
        connectTimeout: CONNECT_MS,
        multipleStatements: true,
        rowsAsArray: true,
        typeCast: false,
        charset: 'utf8mb4',
        ...(database === undefined ? {} : { database }),
        ...(ssl === undefined ? {} : { ssl }),
      })
      const [result] = await connection.query(sql)
      await Promise.race([connection.end(), sleep(CLOSE_MS, undefined, { ref: false })])
      return Array.isArray(result) ? result.filter(Array.isArray).map((row: unknown[]) => row.map(text)) : []
    } finally {
      clearTimeout(deadline)
      socket.destroy() // mysql2's own destroy() only sends a FIN
    }
  }
}

function text(value: unknown): string | null {
  return value === null || value === undefined ? null : value instanceof Uint8Array ? value.toString() : String(value)
}

function quote(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}

function hasErrno(error: unknown, errno: number): boolean {
  return error instanceof Error && 'errno' in error && error.errno === errno
}
