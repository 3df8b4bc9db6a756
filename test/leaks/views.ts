import { format, inspect } from 'node:util'

/** Everything that can be read off a value: as text, JSON and inspection in every variant, and each property of it and of
 * what it leads to (not enumerable and symbol keys included; getters of errors alone, as others may change what they
 * belong to). Throws what JSON.stringify throws. */
export function everyView(value: unknown): string {
  const parts = [
    String(value),
    `${value}`,
    JSON.stringify(value) ?? '',
    format('%s %o %O %j', value, value, value, value),
  ]
  for (const customInspect of [true, false]) {
    parts.push(
      inspect(value, {
        showHidden: true,
        depth: Infinity,
        getters: value instanceof Error,
        maxArrayLength: null,
        customInspect,
      }),
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
    walk(Reflect.getOwnPropertyDescriptor(value, key)?.value, parts, seen)
  }
}
