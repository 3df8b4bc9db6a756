import type { WritePlan } from '../../../core/driver.js'
import { AirlockError } from '../../../errors/index.js'

/** Refuses a write that takes away more of the target's rows than the plan allows: rows that are deleted and not written
 * again, of all that are there. Throws DELETE_LIMIT, before anything is deleted. */
export function refuseDeletes({ maxDeleteRatio }: WritePlan, gone: number, rows: number): void {
  if (maxDeleteRatio === undefined || gone <= 0 || gone <= rows * maxDeleteRatio) return
  const problem = `${gone} of ${rows} rows would be gone`
  throw new AirlockError('DELETE_LIMIT', { phase: 'write', params: { problem } })
}
