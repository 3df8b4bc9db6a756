/** Freezes a JSON value with everything in it, and gives it back: it is shared by all who ask for it, and a change by one
 * of them would be seen by the others. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  // Bytes cannot be frozen; they are no JSON either.
  if (!ArrayBuffer.isView(value)) Object.freeze(value)
  for (const child of Object.values(value)) deepFreeze(child)
  return value
}
