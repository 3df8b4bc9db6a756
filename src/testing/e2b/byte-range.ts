import { Refusal } from './refusal.js'

/** First and last byte, both within the file. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** The range of a `Range` header with one range (RFC 9110, 14.1.2); undefined for the whole file, also where the header is
 * none that is understood. Refuses with 416 what begins behind the file. */
export function byteRangeOf(header: string | undefined, size: number): ByteRange | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? []
  if (first === '' && last === '') return undefined
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const end = first === '' || last === '' ? size - 1 : Math.min(size - 1, Number(last))
  if (start < size && start <= end) return { start, end }
  throw Refusal.http(416, 'invalid range: failed to overlap', { 'content-range': `bytes */${size}` })
}
