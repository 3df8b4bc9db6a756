import type { LogicalKind } from '../../core/column-type.js'
import type { WireProtocol } from '../wire/wire-fake.js'

/** Where a client connects to: the server, or a proxy or a fake in its place. */
export interface ServerAddress {
  readonly host: string
  readonly port: number
}

/** A real server for the conformance suites, and what they may do to it. `Config` is what the driver's `open` takes; the
 * suites set the common keys of a connection (`tls`, `connect_timeout_ms`, `statement_timeout_ms`) themselves. For MySQL,
 * MariaDB and Postgres `engineFixture` makes one. */
export interface ServerFixture<Config> extends ServerAddress {
  /** Which wire fakes can stand in for this server; without it the tests with fakes are left out. */
  readonly wire?: WireProtocol
  /** Every request brings its credential, and there are no sessions that could be authenticated late. */
  readonly stateless?: boolean
  /** The server's certificate: the file of its authority and a DNS name in it, where the server has TLS. */
  readonly tls?: { readonly caFile: string; readonly serverName: string } | undefined
  readonly dialect: Dialect
  /** Settings with a login that the server does not know, and this password. */
  stranger(at: ServerAddress, password: string): Config
  /** A database of its own for one test. */
  createDatabase(): Promise<FixtureDatabase<Config>>
}

/** A database with a login of its own. */
export interface FixtureDatabase<Config> {
  /** Settings of this login, without TLS. */
  settings(at: ServerAddress): Config
  /** Runs statements of the suite's own, on another session that is not counted. */
  exec(sql: string): Promise<void>
  /** Runs one statement and gives its rows, each value as text or null. */
  rows(sql: string): Promise<readonly (readonly (string | null)[])[]>
  /** Sessions of this login, as the server counts them. */
  sessions(): Promise<number>
  /** Those of them that run a statement. */
  running(): Promise<number>
  /** Ends all sessions of this login at the server. */
  endSessions(): Promise<void>
  /** Removes database and login. Idempotent. */
  drop(): Promise<void>
}

/** What the suites say in the server's own language. Names of tables and columns need no quotes. */
export interface Dialect {
  /** A table `(id integer primary key, body text)` with ids from 1 to `rows` (at most 1000) and bodies of `bytes` bytes. */
  fill(table: string, rows: number, bytes: number): string
  /** `(id integer, body text)`, empty and without a key. */
  createEmpty(table: string): string
  /** A query that takes so many seconds before its first row. */
  sleep(seconds: number): string
  /** A query of a filled table of 1000 rows that gives far more bytes than any buffer holds. */
  endless(table: string): string
  /** A query of a filled table that gives rows in the order of their ids, and fails at the row `id`. */
  failAt(table: string, id: number): string
  /** Expressions, the kind of their column, and the canonical bytes of their value as text (docs/types.md). */
  readonly canonical: readonly {
    readonly expression: string
    readonly kind: LogicalKind
    readonly cell: string | null
  }[]
}
