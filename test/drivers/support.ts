import { randomBytes } from 'node:crypto'
import type { Driver, OpenOptions } from '../../src/core/define-driver.js'
import type { ManagedSession } from '../../src/core/managed-session.js'
import { mysql, postgres } from '../../src/drivers/index.js'
import { AirlockError, CODES, type ErrorCode } from '../../src/errors/index.js'
import { Secret } from '../../src/masking/secret.js'
import type { EngineFacts, TestDatabase } from '../../src/testing/index.js'

export type Login = Pick<TestDatabase, 'name' | 'user' | 'password'>

/** Settings of a connection as a user would write them. Loopback servers are used without TLS. */
export function settings(engine: Pick<EngineFacts, 'host' | 'port'>, login: Login) {
  const { name: database, user, password } = login
  const { host, port } = engine
  return { host, port, database, user, password: new Secret(password, 'test'), connect_timeout_ms: 5_000 } as const
}

/** A session of the driver for this kind of engine. */
export function open(
  engine: EngineFacts,
  login: Login,
  options: OpenOptions & { readonly via?: { readonly host: string; readonly port: number } } = {},
): Promise<ManagedSession> {
  const { via, ...rest } = options
  return driverOf(engine).open(settings(via ?? engine, login), rest)
}

export function driverOf(engine: Pick<EngineFacts, 'engine'>): Driver<typeof mysql.spec.config> {
  return engine.engine === 'mysql' ? mysql : postgres
}

/** The error that the work ends with; a failure of the test when it succeeds or throws anything else. Every error that
 * passes here is checked against the table: text and exit code are the table's own. */
export async function failure(work: Promise<unknown>, code?: ErrorCode): Promise<AirlockError> {
  let outcome: unknown
  try {
    await work
  } catch (error) {
    outcome = error
  }
  if (!(outcome instanceof AirlockError)) {
    throw new Error(outcome === undefined ? 'it succeeded' : 'it failed with an error that is not ours', {
      cause: outcome,
    })
  }
  if (code !== undefined && outcome.code !== code) {
    throw new Error(`expected ${code}, got ${outcome.code} (${outcome.origin ?? 'no origin'})`)
  }
  if (outcome.exitCode !== CODES[outcome.code].exitCode || outcome.cause !== undefined) {
    throw new Error('the error is not as the table says')
  }
  return outcome
}

/** How long the work took, in milliseconds, with its result. */
export async function timed<T>(work: () => Promise<T>): Promise<{ readonly ms: number; readonly result: T }> {
  const begun = performance.now()
  const result = await work()
  return { ms: performance.now() - begun, result }
}

export function canary(prefix = 'cnry'): string {
  return `${prefix}${randomBytes(8).toString('hex')}`
}
