import { inspect } from 'node:util'
import type { AirlockError } from '../../src/errors/index.js'

/** Everything that a printer, a logger or a debugger could get out of an error: text, stack, JSON, all own properties
 * with symbols, through every object that they lead to. */
export function everythingIn(error: AirlockError): string {
  const parts = [
    String(error),
    error.message,
    error.stack ?? '',
    JSON.stringify(error),
    inspect(error),
    inspect(error, { showHidden: true, depth: Number.POSITIVE_INFINITY, getters: true }),
  ]
  const seen = new Set<unknown>()
  const walk = (value: unknown): void => {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) {
      if (typeof value === 'string' || typeof value === 'number') parts.push(String(value))
      return
    }
    seen.add(value)
    for (const key of Reflect.ownKeys(value)) {
      parts.push(String(key))
      const found = Object.getOwnPropertyDescriptor(value, key)
      walk(found?.value)
    }
  }
  walk(error)
  return parts.join('\n')
}
