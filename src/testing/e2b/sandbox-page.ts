import { Refusal } from './refusal.js'
import type { Sandbox } from './sandbox.js'

const LARGEST_PAGE = 100

export interface SandboxPage {
  readonly sandboxes: readonly Sandbox[]
  /** Absent on the last page. */
  readonly nextToken?: string
}

/** What a list request selects: by metadata (every pair), state, template and start; the newest first unless `order` is
 * `asc`; a page of `limit`, at most 100. The older generation has running ones only and no pages. */
export function pageOf(all: readonly Sandbox[], query: URLSearchParams, isPaged: boolean): SandboxPage {
  const metadata = metadataOf(query.get('metadata') ?? '')
  const states = isPaged ? (query.get('state') ?? 'running,paused').split(',') : ['running']
  const startedAfter = query.get('startedAfter')
  const template = query.get('template')
  const sorted = all
    .filter(({ state }) => states.includes(state))
    .filter(({ spec }) => metadata.every(([key, value]) => spec.metadata[key] === value))
    .filter(({ spec }) => template === null || spec.templateId === template)
    .filter(({ startedAt }) => startedAfter === null || startedAt.getTime() > Date.parse(startedAfter))
    .sort((one, other) => (query.get('order') === 'asc' ? 1 : -1) * (one.sequence - other.sequence))
  if (!isPaged) return { sandboxes: sorted }
  const after = sequenceOf(query.get('nextToken'))
  const isAfter = (sequence: number): boolean => (query.get('order') === 'asc' ? sequence > after : sequence < after)
  const rest = Number.isNaN(after) ? sorted : sorted.filter(({ sequence }) => isAfter(sequence))
  const limit = Math.min(LARGEST_PAGE, Math.max(1, Number(query.get('limit') ?? LARGEST_PAGE) || LARGEST_PAGE))
  const sandboxes = rest.slice(0, limit)
  const last = sandboxes.at(-1)
  if (last === undefined || rest.length <= limit) return { sandboxes }
  return { sandboxes, nextToken: Buffer.from(String(last.sequence)).toString('base64url') }
}

/** The SDK encodes metadata three times: key and value, the pairs as a query string, that as a parameter. The last
 * encoding is undone by whoever parsed the URL. */
function metadataOf(encoded: string): readonly (readonly [string, string])[] {
  try {
    return [...new URLSearchParams(encoded)].map(([key, value]) => [decodeURIComponent(key), decodeURIComponent(value)])
  } catch (error) {
    throw Refusal.http(400, `metadata is not encoded: ${(error as Error).name}`)
  }
}

/** NaN for the first page. */
function sequenceOf(token: string | null): number {
  if (token === null || token === '') return Number.NaN
  const sequence = Number(Buffer.from(token, 'base64url').toString())
  if (!Number.isInteger(sequence)) throw Refusal.http(400, 'nextToken is not one of this list')
  return sequence
}
