import type { DsnText } from './dsn.js'
import { hideParameter } from './parameter.js'

/** A shown value holds nothing that another reader could take for the start of something else. */
const SHOWN_VALUE = /^[^@=?#\s"'(){}]*$/

/** Reads `name=value&name=value` in text[start, end), where `;` separates too, and hides every parameter that is not
 * known to be harmless, words without a value included. */
export function readQuery(dsn: DsnText, start: number, end: number): void {
  let at = start
  while (at < end) {
    const stop = dsn.find('&;', at, end)
    const equals = dsn.find('=', at, stop)
    if (equals === stop) dsn.hide(at, stop, 'unknown')
    else {
      const span = { start: at, nameEnd: equals, valueStart: equals + 1, valueEnd: stop, end: stop }
      hideParameter(dsn, span, SHOWN_VALUE)
    }
    at = stop + 1
  }
}
