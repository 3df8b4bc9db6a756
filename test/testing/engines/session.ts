import { readFile } from 'node:fs/promises'
import { createConnection } from 'mysql2/promise'
import pg from 'pg'
import type { EngineFacts } from '../../../src/testing/index.js'

export interface Login {
  readonly name: string
  readonly user: string
  readonly password: string
}

export interface Session {
  query(sql: string): Promise<unknown>
  close(): void
}

/** Logs in as a user would, by the client library alone; TLS with the full check where the engine has TLS. Errors of
 * an idle session are kept quiet: the next query shows them. */
export async function openSession(engine: EngineFacts, login: Login, serverName = 'localhost'): Promise<Session> {
  const ca = engine.caFile === undefined ? undefined : await readFile(engine.caFile, 'utf8')
  const { name: database, user, password } = login
  const { port } = engine
  if (engine.engine === 'mysql') {
    const connection = await createConnection({
      host: ca === undefined ? engine.host : serverName, // mysql2 checks the name that it dials
      port,
      user,
      password,
      database,
      ...(ca === undefined ? {} : { ssl: { ca, verifyIdentity: true } }),
    })
    return { query: (sql) => connection.query(sql), close: () => connection.destroy() }
  }
  const ssl = ca === undefined ? false : { ca, servername: serverName }
  const client = new pg.Client({ host: engine.host, port, user, password, database, ssl })
  const losses: Error[] = []
  client.on('error', (error) => losses.push(error))
  await client.connect()
  return { query: (sql) => client.query(sql), close: () => void client.end() }
}
