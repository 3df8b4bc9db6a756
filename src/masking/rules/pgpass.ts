import { isPlaceholder } from '../placeholders.js'
import { isKeyChar, isQuote, isSpace, type Rule } from '../scan.js'
import { runEnd } from './terminators.js'

/** Lines of a Postgres password file, `host:port:database:user:password` (libpq, "The Password File"), known by a usual
 * port or by a `*` in its place. */
export const pgpassRule: Rule = {
  id: 'pgpass',
  anchors: [':5432:', ':5433:', ':6432:', ':6543:', ':3306:', ':*:'],
  find: (scan, start, end) => {
    const before = scan.behind(start)
    if (!isKeyChar(before) && before !== 0x2a && before !== 0x5d) return null
    const isField = (c: number) => c !== -1 && !isSpace(c) && !isQuote(c) && c !== 0x3a
    const database = scan.skip(end, end + 64, isField)
    if (database === end || scan.at(database) !== 0x3a) return null
    const user = scan.skip(database + 1, database + 65, isField)
    if (user === database + 1 || scan.at(user) !== 0x3a) return null
    const from = user + 1
    const first = scan.at(from)
    if (first === -1 || isSpace(first) || isQuote(first)) return null
    const stop = scan.skip(from, from + 130, (c) => c !== -1 && !isSpace(c))
    if (isPlaceholder(scan.slice(from, stop))) return null
    return { start: from, until: runEnd((c) => c !== -1 && !isSpace(c) && c !== 0x22) }
  },
}
