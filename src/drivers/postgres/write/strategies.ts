import type { Capabilities } from '../../../core/driver.js'

/** What a mode may be done by; the first is the default. */
export const POSTGRES_STRATEGIES: NonNullable<Capabilities['strategies']> = {
  replace: ['truncate', 'delete', 'swap'],
  merge: ['upsert', 'delete-insert', 'insert-only', 'scd2'],
}
