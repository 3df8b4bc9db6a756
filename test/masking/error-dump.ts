import { format, inspect } from 'node:util'

/** An error as the corpus describes it. */
export interface ErrorDescription {
  readonly name: string
  readonly message: string
  readonly code?: string
  readonly stack?: string
  readonly props?: Readonly<Record<string, unknown>>
  readonly cause?: ErrorDescription | '$self'
  readonly errors?: readonly ErrorDescription[]
}

/** Builds the described error. The props `symbolProp`, `nonEnumerable` and `getter` go onto a symbol key, a
 * non-enumerable property and a getter. */
export function buildError(described: ErrorDescription): Error {
  const error =
    described.errors === undefined
      ? new Error(described.message)
      : new AggregateError(described.errors.map(buildError), described.message)
  error.name = described.name
  if (described.code !== undefined) Object.assign(error, { code: described.code })
  if (described.stack !== undefined) error.stack = described.stack
  if (described.cause !== undefined) error.cause = described.cause === '$self' ? error : buildError(described.cause)
  for (const [key, value] of Object.entries(described.props ?? {})) {
    if (key === 'symbolProp') Object.defineProperty(error, Symbol('prop'), { value, enumerable: true })
    else if (key === 'nonEnumerable') Object.defineProperty(error, key, { value, enumerable: false })
    else if (key === 'getter') Object.defineProperty(error, key, { get: () => value, enumerable: true })
    else Object.assign(error, { [key]: value })
  }
  return error
}

/** Everything that can be read off an error. */
export function dump(error: Error): string {
  const parts = [String(error), error.message, error.stack ?? '', JSON.stringify(error), format('%o', error)]
  parts.push(inspect(error, { showHidden: true, depth: null }), inspect(error, { customInspect: false, depth: null }))
  const seen = new Set<unknown>()
  const walk = (value: unknown): void => {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) {
      parts.push(String(value))
      return
    }
    seen.add(value)
    for (const key of Reflect.ownKeys(value)) {
      parts.push(String(key))
      walk(Reflect.get(value, key))
    }
  }
  walk(error)
  return parts.join('\n')
}
