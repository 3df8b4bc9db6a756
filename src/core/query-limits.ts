import { AirlockError } from '../errors/index.js'
import type { QueryLimits } from './driver.js'

const DAY_MS = 86_400_000

/** The caps as whole numbers, with the time cut to that of the connection. Throws CONFIG_INVALID for a cap that is none:
 * some of them become a part of a statement. */
export function wholeLimits(limits: QueryLimits, statementTimeoutMs: number | undefined): QueryLimits {
  const whole = (name: Exclude<keyof QueryLimits, 'provenance'>, least: number, most: number): number => {
    const value: unknown = limits[name]
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most) return value
    const problem = `it is a whole number from ${least} to ${most}`
    throw new AirlockError('CONFIG_INVALID', { phase: 'query', params: { at: `limits.${name}`, problem } })
  }
  const timeoutMs = whole('timeoutMs', 1, DAY_MS)
  return {
    rows: whole('rows', 1, 1e9),
    bytes: whole('bytes', 1, 1e12),
    cellBytes: whole('cellBytes', 1, 1e12),
    timeoutMs: Math.min(timeoutMs, statementTimeoutMs ?? timeoutMs),
    provenance: limits.provenance === true,
  }
}
