import { queryRefused, refuseOddCharacters, refuseUnread, type SqlToken } from '../../../core/query-refusal.js'
import { AirlockError } from '../../../errors/index.js'

/** Words that make a read write or lock: `INTO OUTFILE`, `INTO @v`, `FOR UPDATE`, `LOCK IN SHARE MODE`. All are reserved:
 * as a name each needs quotes. */
const WRITING = ['into', 'update', 'delete', 'lock']

/** Functions that a read-only transaction lets through, or that only the newest servers stop. */
const ACTIVE =
  /^(?:get_lock|release_lock|release_all_locks|load_file|nextval|setval|master_pos_wait|master_gtid_wait|source_pos_wait|wait_for_executed_gtid_set|sys_(?:exec|eval|get|set)|service_[a-z_]+|audit_[a-z_]+|keyring_[a-z_]+|asynchronous_connection_failover_[a-z_]+|group_replication_[a-z_]+|ps_[a-z_]+|mysql_firewall_[a-z_]+|set_firewall_mode|load_rewrite_rules|flush_rewrite_cache|version_tokens_[a-z_]+|vtoken_[a-z_]+|spider_[a-z_]+)$/

/** Refuses early, and with a reason, what a read-only transaction of MySQL or MariaDB would let through. Not a wall: that
 * is what the user may do. Gives its words. The session's `sql_mode` is ours, so that quotes mean what this says. Throws QUERY_REFUSED, and
 * SQL_INVALID for a statement that does not end. */
export function refuseMysqlWrites(sql: string): readonly SqlToken[] {
  refuseOddCharacters(sql)
  const tokens = mysqlTokens(sql)
  refuseUnread(tokens, (name) => ACTIVE.test(name))
  const words = tokens.map(({ kind, text }) => (kind === 'word' ? text : ''))
  words.forEach((word, at) => {
    // A number may have a word at its heels: 1.INTO, 1e5INTO.
    const writes = WRITING.some((known) => word === known || (/^\d/.test(word) && word.endsWith(known)))
    const shares = word === 'for' && words[at + 1] === 'share'
    const draws = word === 'next' && words[at + 1] === 'value'
    if (writes || shares || draws) throw queryRefused('writes')
  })
  return tokens
}

const BLANK = /[\t-\r ]+/y
const WORD = /[0-9A-Za-z_$\u0080-\uffff]+/y
/** To the end of the line; `--` needs a blank behind it. */
const LINE_COMMENT = /(?:#|--(?=[\t-\r ]|$))[^\n]*/y
const BLOCK_COMMENT = /\/\*[\s\S]*?\*\//y
const STRING = /'(?:[^'\\]|\\[\s\S]|'')*'|"(?:[^"\\]|\\[\s\S]|"")*"/y
const NAME = /`((?:[^`]|``)+)`/y

function mysqlTokens(sql: string): readonly SqlToken[] {
  const tokens: SqlToken[] = []
  let at = 0
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const found = pattern.exec(sql)
    if (found !== null) at = pattern.lastIndex
    return found
  }
  while (at < sql.length) {
    if (match(BLANK) !== null || match(LINE_COMMENT) !== null) continue
    if (sql.startsWith('/*', at)) {
      // Versioned code, of MySQL or of MariaDB, or an optimizer hint: any of them is more than a comment.
      if (/^\/\*(?:!|m!|\+)/i.test(sql.slice(at, at + 4))) throw queryRefused('comment')
      if (match(BLOCK_COMMENT) === null) throw unfinished()
      continue
    }
    const word = match(WORD)
    if (word !== null) {
      tokens.push({ kind: 'word', text: word[0].toLowerCase() })
      continue
    }
    const name = match(NAME)
    if (name !== null) {
      tokens.push({ kind: 'name', text: name[1]!.replaceAll('``', '`') })
      continue
    }
    if (match(STRING) !== null) {
      tokens.push({ kind: 'other', text: "'" })
      continue
    }
    const character = sql[at++]!
    if (character === "'" || character === '"' || character === '`') throw unfinished()
    tokens.push({ kind: 'other', text: character })
  }
  return tokens
}

function unfinished(): AirlockError {
  return new AirlockError('SQL_INVALID', { phase: 'query' })
}
