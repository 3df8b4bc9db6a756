import type { BatchBuilder } from '../../../core/batch-builder.js'

/** The text does not fit the type. */
export const MISFIT = 0
/** The cell is a span over the bytes as they are. */
export const IN_PLACE = 1
/** The cell was written in its canonical form. */
export const CONVERTED = 2

/** Appends the text data[start, end) as a cell of one type, in canonical form. `shift` is added to an offset in `data` to
 * give the offset of the same byte in the batch, for cells that need no change. Gives one of the three outcomes above; nothing
 * is appended for MISFIT. */
export type CellReader = (
  builder: BatchBuilder,
  data: Uint8Array,
  start: number,
  end: number,
  shift: number,
) => typeof MISFIT | typeof IN_PLACE | typeof CONVERTED

/** Short text of ASCII characters, as all types but text, JSON and bytes have. */
export function asciiText(data: Uint8Array, start: number, end: number): string {
  let text = ''
  for (let at = start; at < end; at++) text += String.fromCharCode(data[at]!)
  return text
}

export function putAscii(builder: BatchBuilder, text: string): typeof CONVERTED {
  const tail = builder.convert(text.length)
  const from = builder.tailAt
  for (let at = 0; at < text.length; at++) tail[from + at] = text.charCodeAt(at)
  builder.putConverted(text.length)
  return CONVERTED
}

/** A reader for types whose texts are short and rarely used: `canonical` gives the canonical text or undefined. */
export function shortText(canonical: (text: string) => string | undefined, maxLength: number): CellReader {
  return (builder, data, start, end, shift) => {
    if (end - start > maxLength) return MISFIT
    const text = asciiText(data, start, end)
    const found = canonical(text)
    if (found === undefined) return MISFIT
    if (found !== text) return putAscii(builder, found)
    builder.put(start + shift, end + shift)
    return IN_PLACE
  }
}
