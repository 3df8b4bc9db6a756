import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import type { z } from 'zod'
import type { TlsConfig } from '../../core/config-fields.js'
import type { Driver, OpenOptions } from '../../core/define-driver.js'
import type { ManagedSession } from '../../core/managed-session.js'
import { AirlockError, type ErrorCode } from '../../errors/index.js'
import { countSockets, settle } from '../sockets.js'
import type { FixtureDatabase, ServerAddress, ServerFixture } from './server-fixture.js'
import type { TestApi } from './test-api.js'

/** What a busy machine may add to any bound. */
const MARGIN_MS = 2_000
/** How long sockets and sessions may take to disappear. */
export const GONE_MS = 3_000
/** What one test may take on a loaded machine. */
export const TEST_MS = 60_000

/** A driver under test, its server, and the runner, with the driver's own types out of the way. */
export interface Subject {
  readonly driver: Driver
  readonly server: ServerFixture<unknown>
  readonly api: TestApi
}

export function subjectOf<Schema extends z.ZodObject>(
  driver: Driver<Schema>,
  server: ServerFixture<z.input<Schema>>,
  api: TestApi,
): Subject {
  return { driver: driver as unknown as Driver, server, api }
}

/** How a session differs from the fixture's own settings. */
export interface SessionChange extends OpenOptions {
  readonly at?: ServerAddress
  readonly tls?: TlsConfig
  readonly connect_timeout_ms?: number
  readonly statement_timeout_ms?: number
  readonly silence_timeout_ms?: number
  /** Logs in as somebody whom the server does not know, with this password. */
  readonly strangerWith?: string
  readonly driver?: Driver
}

/** One test: the database and the sessions that it uses. */
export class Trial {
  readonly server: ServerFixture<unknown>
  readonly #subject: Subject
  readonly #sessions: ManagedSession[] = []
  #database: FixtureDatabase<unknown> | undefined

  constructor(subject: Subject) {
    this.#subject = subject
    this.server = subject.server
  }

  get database(): FixtureDatabase<unknown> {
    assert.ok(this.#database !== undefined, 'the trial has no database')
    return this.#database
  }

  async createDatabase(): Promise<void> {
    this.#database = await this.server.createDatabase()
  }

  /** Opens a session, which the trial closes at its end. */
  async open(change: SessionChange = {}): Promise<ManagedSession> {
    const { at = this.server, tls, connect_timeout_ms, statement_timeout_ms, silence_timeout_ms, ...rest } = change
    const { strangerWith, driver, ...options } = rest
    const settings = strangerWith === undefined ? this.database.settings(at) : this.server.stranger(at, strangerWith)
    const config = {
      ...(settings as Record<string, unknown>),
      connect_timeout_ms: connect_timeout_ms ?? 10_000,
      ...(tls === undefined ? {} : { tls }),
      ...(statement_timeout_ms === undefined ? {} : { statement_timeout_ms }),
      ...(silence_timeout_ms === undefined ? {} : { silence_timeout_ms }),
    }
    const session = await (driver ?? this.#subject.driver).open(config, options)
    this.#sessions.push(session)
    return session
  }

  /** Settles within `ms` and the margin, and says how long it took. */
  async within<T>(ms: number, what: string, work: () => Promise<T>): Promise<T> {
    const begun = performance.now()
    const result = await work()
    this.took(what, begun, ms)
    return result
  }

  /** What began then (`performance.now()`) has ended within `ms` and the margin. */
  took(what: string, begun: number, ms: number): void {
    const took = performance.now() - begun
    this.#subject.api.measured?.(`${this.#subject.driver.spec.family}: ${what}`, took)
    assert.ok(took <= ms + MARGIN_MS, `${what} took ${Math.round(took)} ms of ${ms}`)
  }

  async end(): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session.close()))
  }

  async drop(): Promise<void> {
    await this.#database?.drop()
  }

  /** No socket of this process to these ports. */
  async expectNoSockets(...ports: readonly number[]): Promise<void> {
    assert.equal(await settle(() => countSockets(...ports), 0, GONE_MS), 0, 'sockets left in the kernel')
  }

  /** No socket of this process to the server, and no session of the test's login. A proxy of the test has to be closed
   * before: its sockets count. */
  async expectNothingLeft(): Promise<void> {
    await this.expectNoSockets(this.server.port)
    const database = this.#database
    if (database === undefined) return
    assert.equal(await settle(() => database.sessions(), 0, GONE_MS), 0, 'sessions left at the server')
  }

  /** No statement of the test's login runs at the server any more. */
  async expectIdle(): Promise<void> {
    assert.equal(await settle(() => this.database.running(), 0, GONE_MS), 0, 'statements left running at the server')
  }
}

/** A test body that gets a trial with a database, and fails if a socket or a session outlives it. */
export function withDatabase(subject: Subject, body: (trial: Trial) => Promise<void>): () => Promise<void> {
  return run(subject, body, true)
}

/** The same for tests that never get into the server. */
export function withoutDatabase(subject: Subject, body: (trial: Trial) => Promise<void>): () => Promise<void> {
  return run(subject, body, false)
}

function run(subject: Subject, body: (trial: Trial) => Promise<void>, database: boolean): () => Promise<void> {
  return async () => {
    const trial = new Trial(subject)
    if (database) await trial.createDatabase()
    try {
      try {
        await body(trial)
      } finally {
        await trial.end()
      }
      await trial.expectNothingLeft()
    } finally {
      await trial.drop()
    }
  }
}

/** The AirlockError that the work ends with; its code is one of `codes`. */
export async function failure(work: Promise<unknown>, ...codes: readonly ErrorCode[]): Promise<AirlockError> {
  const [outcome] = await Promise.allSettled([work])
  assert.ok(outcome.status === 'rejected', `it succeeded, where ${codes.join(' or ')} was expected`)
  const error: unknown = outcome.reason
  assert.ok(error instanceof AirlockError, 'it failed with an error that is not an AirlockError')
  if (codes.length > 0) assert.ok(codes.includes(error.code), `${error.code} instead of ${codes.join(' or ')}`)
  assert.equal(error.cause, undefined, 'the error carries a cause')
  return error
}

/** Open file descriptors of this process; undefined where the kernel does not list them. */
export async function countDescriptors(): Promise<number | undefined> {
  return process.platform === 'linux' ? (await readdir('/proc/self/fd')).length : undefined
}
