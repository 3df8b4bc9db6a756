import { format, inspect } from 'node:util'

/** Everything that can be read off a value: as text, JSON and inspection in every variant, and each property of it and of
 * what it leads to (not enumerable, symbol keys and getters included). Throws what JSON.stringify throws. */
export function everyView(value: unknown): string {
  const parts = [
    String(value),
    `${value}`,
    JSON.stringify(value) ?? '',
    format('%s %o %O %j', value, value, value, value),
  ]
  for (const customInspect of [true, false]) {
    parts.push(
      inspect(value, { showHidden: true, depth: Infinity, getters: true, maxArrayLength: null, customInspect }),
    )
  }
  parts.push(inspect(value))
  walk(value, parts, new Set())
  return parts.join('\n')
}

function walk(value: unknown, parts: string[], seen: Set<unknown>): void {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) {
    parts.push(String(value))
    return
  }
  if (seen.has(value)) return
  seen.add(value)
  for (const key of Reflect.ownKeys(value)) {
    parts.push(String(key))
    const described = Reflect.getOwnPropertyDescriptor(value, key)
    walk(described !== undefined && 'value' in described ? described.value : described?.get?.call(value), parts, seen)
  }
}
