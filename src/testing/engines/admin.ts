import { randomBytes } from 'node:crypto'
import { AirlockError } from '../../errors/index.js'
import type { SessionFilter, TestDatabase } from './engine.js'

/** What the harness asks of a server as its administrator, one implementation for each engine. Errors of the client
 * library pass through unchanged: they are for the author of the test, and no user's data is involved. */
export interface EngineAdmin {
  version(): Promise<string>
  createDatabase(prefix: string): Promise<TestDatabase>
  sessions(filter: SessionFilter): Promise<number>
  endSessions(filter: SessionFilter): Promise<number>
}

/** A new name for a database and its user: the prefix and eight random hex digits, at most 32 characters (the limit
 * of MySQL user names). It needs no quoting. Throws USAGE for any other prefix. */
export function databaseName(prefix: string): string {
  if (!/^[a-z][a-z0-9_]{0,22}$/.test(prefix)) {
    throw new AirlockError('USAGE', { params: { problem: 'a database prefix is 1 to 23 of a-z, 0-9 and _' } })
  }
  return `${prefix}_${randomBytes(4).toString('hex')}`
}
