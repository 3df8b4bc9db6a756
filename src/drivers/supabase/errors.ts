import type { Classification } from '../../core/driver.js'
import { classifyPostgresError } from '../postgres/index.js'

/** A login that the pooler itself refused, with its error. */
class PoolerRefusal extends Error {
  readonly native: unknown

  constructor(native: unknown) {
    super('pooler')
    this.native = native
  }
}

/** What poolers answer in place of a server: an internal error (Supavisor: no such tenant, no free session), a protocol
 * violation (PgBouncer: no such database, no more connections) or a limit of their own configuration. */
const POOLER_STATES: ReadonlySet<string> = new Set(['XX000', '08P01', '53400'])

/** Marks an error that ended a login at a pooler if it is the pooler's own; gives any other back. */
export function poolerError(error: unknown): unknown {
  const state = classifyPostgresError(error)?.origin
  return state !== undefined && POOLER_STATES.has(state) ? new PoolerRefusal(error) : error
}

/** What an error of a project's database or of its pooler is in Airlock's terms. */
export function classifySupabaseError(error: unknown): Classification | undefined {
  if (!(error instanceof PoolerRefusal)) return classifyPostgresError(error)
  return { ...classifyPostgresError(error.native), code: 'POOLER_REFUSED' }
}
