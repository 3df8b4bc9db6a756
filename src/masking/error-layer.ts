import { types } from 'node:util'
import { AirlockError, type ErrorCode, type Phase } from '../errors/index.js'
import { codeForOrigin, isKnownOrigin } from './error-codes.js'

/** What the place that caught an error knows about it. */
export interface ErrorContext {
  /** Our code. Without it the origin decides, and `INTERNAL` when there is none. */
  readonly code?: ErrorCode
  readonly phase?: Phase
  /** Reuse the ref of a debug record. */
  readonly ref?: string
}

const DEPTH_LIMIT = 16
const NODE_LIMIT = 256
const OWN_FIELDS: ReadonlySet<string> = new Set([
  ...['stack', 'message', 'name', 'code', 'hint', 'exitCode', 'retryable', 'phase', 'origin', 'ref'],
])

/** Builds a new AirlockError for whatever was thrown. Text comes from the table; of the old error only a code survives,
 * and only one that a known table holds: its own, or the first found in `cause` and `errors` (depth 16, cycles end there,
 * getters are not called, proxies not touched). Message, cause, stack and properties of the old error go nowhere. An
 * AirlockError that nobody has added anything to is returned as it is. */
export function sanitizeError(error: unknown, context: ErrorContext = {}): AirlockError {
  if (isClean(error) && context.code === undefined) return error
  const origin = findOrigin(error)
  const code = context.code ?? (isAirlock(error) ? error.code : undefined) ?? codeFor(error, origin)
  return new AirlockError(code, {
    ...(context.phase === undefined ? {} : { phase: context.phase }),
    ...(context.ref === undefined ? {} : { ref: context.ref }),
    ...(origin === undefined ? {} : { origin }),
  })
}

function codeFor(error: unknown, origin: string | undefined): ErrorCode {
  if (origin !== undefined) return codeForOrigin(origin)
  if (types.isProxy(error) || !(error instanceof DOMException) || Object.hasOwn(error, 'name')) return 'INTERNAL'
  if (error.name === 'AbortError') return 'ABORTED'
  return error.name === 'TimeoutError' ? 'DEADLINE_EXCEEDED' : 'INTERNAL'
}

function isAirlock(error: unknown): error is AirlockError {
  return !types.isProxy(error) && error instanceof AirlockError
}

/** Whether an error is ours and holds only what its class gave it. */
function isClean(error: unknown): error is AirlockError {
  if (!isAirlock(error) || Object.getPrototypeOf(error) !== AirlockError.prototype) return false
  return Reflect.ownKeys(error).every((key) => typeof key === 'string' && OWN_FIELDS.has(key))
}

/** The first known code: breadth first through causes and aggregated errors. */
function findOrigin(error: unknown): string | undefined {
  const seen = new Set<object>()
  let level: unknown[] = [error]
  for (let depth = 0; depth < DEPTH_LIMIT && level.length > 0; depth++) {
    const below: unknown[] = []
    for (const one of level) {
      if (typeof one !== 'object' || one === null || types.isProxy(one) || seen.has(one) || seen.size >= NODE_LIMIT)
        continue
      seen.add(one)
      for (const name of ['origin', 'code', 'sqlState']) {
        const code = dataOf(one, name)
        if (typeof code === 'string' && isKnownOrigin(code)) return code
      }
      below.push(dataOf(one, 'cause'))
      const errors = dataOf(one, 'errors')
      if (!types.isProxy(errors) && Array.isArray(errors))
        for (let i = 0; i < Math.min(errors.length, NODE_LIMIT); i++) below.push(dataOf(errors, String(i)))
    }
    level = below
  }
  return undefined
}

/** An own data property; getters are not called. */
function dataOf(holder: object, name: string): unknown {
  return Object.getOwnPropertyDescriptor(holder, name)?.value
}
