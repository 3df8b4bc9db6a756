import type { DsnText } from './dsn.js'
import { readQuery } from './query.js'

const NETWORKS = /^(?:(?:tcp|tcp4|tcp6|unix|udp|pipe|cloudsql)(?:\([^()@]*\))?)?$/

/** Reads the DSN of go-sql-driver/mysql, `[user[:password]@][network[(address)]]/database[?parameters]`, in
 * text[start, end), and splits it as that driver does: the last `/`, the last `@` before it, the first `:`. Returns
 * false when the text is anything else. */
export function readGoDsn(dsn: DsnText, start: number, end: number): boolean {
  const { text } = dsn
  const slash = text.lastIndexOf('/', end - 1)
  if (slash < start) return false
  const at = text.lastIndexOf('@', slash)
  const from = at < start ? start : at + 1
  const network = text.slice(from, slash)
  if (!NETWORKS.test(network) || (at < start && network === '')) return false
  if (at >= start) {
    const colon = dsn.find(':', start, at)
    if (/[\s/=;]/.test(text.slice(start, colon))) return false
    dsn.hide(Math.min(colon + 1, at), at, 'password')
  }
  const question = dsn.find('?', slash, end)
  if (!/^[\w$.-]*$/.test(text.slice(slash + 1, question))) return false
  readQuery(dsn, question + 1, end)
  return true
}
