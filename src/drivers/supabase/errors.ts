import type { Classification } from '../../core/driver.js'
import { classifyPostgresError } from '../postgres/index.js'

/** A login that a pooler refused. */
export class PoolerRefusal extends Error {
  readonly native: unknown

  constructor(native: unknown) {
    super('pooler')
    this.native = native
  }
}

/** What poolers answer in place of the server: an internal error (Supavisor: no such tenant, no free session) or a
 * protocol violation (PgBouncer: no such database, no more connections). */
const POOLER_STATES: ReadonlySet<string> = new Set(['XX000', '08P01'])

/** What an error of a project's database or of its pooler is in Airlock's terms. */
export function classifySupabaseError(error: unknown): Classification | undefined {
  const native = error instanceof PoolerRefusal ? error.native : error
  const known = classifyPostgresError(native)
  if (!(error instanceof PoolerRefusal) || known?.origin === undefined || !POOLER_STATES.has(known.origin)) return known
  return { code: 'POOLER_REFUSED', origin: known.origin }
}
