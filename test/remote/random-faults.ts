import type { E2BFault, E2BPoint } from '../../src/testing/index.js'

/** Everything that can happen, once or twice; nothing that takes longer than the answer to it. */
export const FAULT_KINDS: readonly (readonly [E2BPoint, string])[] = [
  ...['rate-limited', 'rate-limited-bare', 'busy', 'server-error', 'reset', 'reply-lost'].map(
    (kind) => ['create', kind] as const,
  ),
  ...['server-error', 'reset'].map((kind) => ['list', kind] as const),
  ...['server-error', 'reply-lost', 'reset', 'not-found'].map((kind) => ['kill', kind] as const),
  ...['bad-gateway', 'reset'].map((kind) => ['health', kind] as const),
  ...['server-error', 'reset'].map((kind) => ['network', kind] as const),
  ...['no-space', 'reset', 'reply-lost', 'short-write', 'server-error', 'bad-gateway'].map(
    (kind) => ['upload', kind] as const,
  ),
  ...['server-error', 'reset'].map((kind) => ['stat', kind] as const),
  ...['server-error', 'reset', 'reply-lost'].map((kind) => ['start', kind] as const),
  ...['refused', 'reply-lost', 'server-error'].map((kind) => ['stdin', kind] as const),
  ...['server-error', 'reset'].map((kind) => ['reattach', kind] as const),
  ...['noise', 'drop-chunk', 'repeat-chunk', 'no-end', 'cut', 'process-killed', 'exit', 'sandbox-killed'].map(
    (kind) => ['stream', kind] as const,
  ),
  ...[
    'not-found',
    'server-error',
    'bad-gateway',
    'short',
    'bit-flip',
    'garbage',
    'oversize',
    'reset-in-body',
    'fin-early',
    'reset',
  ].map((kind) => ['download', kind] as const),
  ...['omit', 'add-traversal', 'add-symlink', 'server-error'].map((kind) => ['listDir', kind] as const),
]

/** These change nothing that anybody could tell: a frame that comes twice is one frame, and health is asked for until it
 * is there. A file of events is damaged only where somebody reads it. */
const SILENT: ReadonlySet<string> = new Set(['stream repeat-chunk', 'health bad-gateway', 'health reset'])

/** Whether nobody could tell that it has happened. */
export function isSilent({ at, kind }: E2BFault): boolean {
  return SILENT.has(`${at} ${kind}`)
}

/** Mulberry32: the same composition for the same seed. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
