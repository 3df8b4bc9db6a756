import type { DsnText } from './dsn.js'
import { hideParameter } from './parameter.js'
import { isPlaceholder } from './placeholder.js'

const SHOWN = /^[\w.:[\]*-]*$/

/** Reads the address form of the MySQL and MariaDB JDBC drivers, `address=(host=h)(port=1)(password=S),(host=h2,…)`,
 * which begins at `start`. Returns where it ends (at `/`, `?` or the end of the text), or -1 when it is anything else. */
export function readAddressGroups(dsn: DsnText, start: number, end: number): number {
  const { text } = dsn
  let at = start
  while (at < end && text[at] !== '/' && text[at] !== '?') {
    if (text[at] === ',') at++
    if (text.slice(at, at + 8).toLowerCase() === 'address=') at += 8
    if (text[at] !== '(') return -1
    at = readGroup(dsn, at + 1, end)
    if (at < 0) return -1
  }
  return at
}

/** `key=value` or `key=value,key=value` up to the closing parenthesis; returns the index after it. */
function readGroup(dsn: DsnText, start: number, end: number): number {
  const { text } = dsn
  let at = start
  while (at < end) {
    const equals = dsn.find('=,()/?', at, end)
    const masked = equals < end && text[equals] !== '=' && isPlaceholder(text.slice(at, equals))
    if (!masked && (equals === end || text[equals] !== '=')) return -1
    const stop = masked ? equals : valueEnd(dsn, equals + 1, end)
    if (stop < 0 || !',)'.includes(text[stop]!)) return -1
    if (!masked)
      hideParameter(dsn, { start: at, nameEnd: equals, valueStart: equals + 1, valueEnd: stop, end: stop }, SHOWN)
    if (text[stop] === ')') return stop + 1
    at = stop + 1
  }
  return -1
}

/** A value ends at a `)` after which the address can go on or end, or at a `,` before another `key=`: a password may
 * hold both characters. */
function valueEnd(dsn: DsnText, start: number, end: number): number {
  const { text } = dsn
  for (let i = start; i < end; i++) {
    if (text[i] === ')' && (i + 1 === end || '(,/?'.includes(text[i + 1]!))) return i
    if (text[i] === ',' && /^(?:\w{1,40}=|\*{3}[,)])/.test(text.slice(i + 1, i + 42))) return i
  }
  return -1
}
