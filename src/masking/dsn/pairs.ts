import type { DsnText } from './dsn.js'
import { hideParameter } from './parameter.js'
import { isPlaceholder } from './placeholder.js'

const CLOSERS: Readonly<Record<string, string>> = { '"': '"', "'": "'", '{': '}' }

/** Reads `key=value;key=value` as ADO.NET, ODBC and the JDBC driver of SQL Server write it, in text[start, end): values
 * may be quoted with `"…""…"`, `'…''…'` or `{…}}…}`. Returns the number of pairs, or -1 when the text is anything else;
 * the caller then hides all of it. */
export function readPairs(dsn: DsnText, start: number, end: number): number {
  const { text } = dsn
  let at = start
  let pairs = 0
  while (at < end) {
    at = skipSpace(text, at, end)
    if (at === end) break
    if (text[at] === ';') {
      at++
      continue
    }
    const equals = dsn.find('=;', at, end)
    if (equals === end || text[equals] === ';') {
      // Masked before: the name of an unknown pair is hidden with its value.
      if (!isPlaceholder(text.slice(at, equals))) return -1
      at = equals
    } else {
      if (!/^[a-z][\w .-]{0,63}$/i.test(text.slice(at, equals))) return -1
      at = readValue(dsn, at, equals, end)
      if (at < 0) return -1
    }
    pairs++
  }
  return pairs
}

/** A shown value holds no `=`: some other driver would read another pair in it. */
const SHOWN_VALUE = /^[^=]*$/

/** Reads the value of the pair that starts at `start`. Returns where the pair ends, or -1. */
function readValue(dsn: DsnText, start: number, equals: number, end: number): number {
  const { text } = dsn
  const valueStart = skipSpace(text, equals + 1, end)
  const closer = valueStart < end ? CLOSERS[text[valueStart]!] : undefined
  if (closer === undefined) {
    const stop = dsn.find(';', valueStart, end)
    hideParameter(dsn, { start, nameEnd: equals, valueStart, valueEnd: stop, end: stop }, SHOWN_VALUE)
    return stop
  }
  const valueEnd = closingQuote(text, closer, valueStart + 1, end)
  if (valueEnd < 0) return -1
  const stop = skipSpace(text, valueEnd + 1, end)
  if (stop < end && text[stop] !== ';') return -1
  hideParameter(dsn, { start, nameEnd: equals, valueStart: valueStart + 1, valueEnd, end: valueEnd + 1 }, SHOWN_VALUE)
  return stop
}

/** The index of the closing quote, where a doubled one stands for itself, or -1. */
function closingQuote(text: string, closer: string, start: number, end: number): number {
  for (let i = start; i < end; i++) {
    if (text[i] !== closer) continue
    if (i + 1 < end && text[i + 1] === closer) i++
    else return i
  }
  return -1
}

export function skipSpace(text: string, start: number, end: number): number {
  let at = start
  while (at < end && text[at]!.trim() === '') at++
  return at
}
