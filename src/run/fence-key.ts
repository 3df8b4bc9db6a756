import type { StateKey } from '../core/driver.js'

const SUFFIX = '#fence'

/** Where the claims on a stream's write are kept, beside its state. */
export function fenceKey(pipeline: string, stream: string): StateKey {
  return { pipeline, stream: `${stream}${SUFFIX}` }
}

/** Whether this is a claim, which is nobody's state. */
export function isFence({ stream }: StateKey): boolean {
  return stream.endsWith(SUFFIX)
}

/** What the write of a claim is about: a stream, or a part of one. */
export function fenced({ stream }: StateKey): string {
  return stream.slice(0, -SUFFIX.length)
}
