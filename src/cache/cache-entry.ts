import { createHash } from 'node:crypto'

/** A value as both tiers keep it. Times are milliseconds since 1970. */
export interface CacheEntry {
  readonly key: string
  /** Generations of the directory that it was loaded under; empty in a cache without one. */
  readonly stamp: string
  readonly created: number
  readonly expires: number
  /** Hash of what the value was made from; another one makes it dead. */
  readonly dependsOn: string
  readonly value: unknown
}

const VERSION = 1

/** How far the clock of another process may be ahead. */
const SKEW_MS = 1000

/** An entry as the text of its file: SHA-256 of the rest, a line break, JSON. */
export function encodeEntry(entry: CacheEntry): string {
  const body = JSON.stringify({ v: VERSION, ...entry })
  return `${digestOf(body)}\n${body}`
}

/** The entry in the text of a file, or undefined where the text is not a whole entry of this version and key. */
export function decodeEntry(text: string, key: string): CacheEntry | undefined {
  const end = text.indexOf('\n')
  const body = text.slice(end + 1)
  if (end < 0 || digestOf(body) !== text.slice(0, end)) return undefined
  // Its digest is right, so it is JSON that we wrote.
  const entry = JSON.parse(body) as CacheEntry & { readonly v: number }
  return entry.v === VERSION && entry.key === key ? { ...entry, value: entry.value } : undefined
}

/** Whether a value may still be served at this time. One that claims to come from the future is dead: the clock that
 * dated it cannot be trusted to end it. */
export function isAlive(entry: CacheEntry, wall: number): boolean {
  return wall < entry.expires && entry.created <= wall + SKEW_MS
}

function digestOf(body: string): string {
  return createHash('sha256').update(body).digest('hex')
}
