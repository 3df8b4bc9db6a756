import type { Capabilities } from '../../../core/driver.js'

/** What a mode may be done by; the first is the default. TRUNCATE is none of them: it commits, and cannot be undone. */
export const MYSQL_STRATEGIES: NonNullable<Capabilities['strategies']> = {
  replace: ['delete', 'swap'],
  merge: ['upsert', 'delete-insert', 'insert-only', 'scd2'],
}
