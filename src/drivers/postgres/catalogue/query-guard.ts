import { queryRefused, refuseOddCharacters, refuseUnread, type SqlToken } from '../../../core/query-refusal.js'
import { AirlockError } from '../../../errors/index.js'

/** Functions whose effect a read-only transaction does not stop and a rollback does not undo, and those that run SQL which
 * they are given as text. */
const ACTIVE = [
  /^pg_(?:terminate|cancel)_backend$|^pg_(?:reload_conf|promote|notify|switch_(?:wal|xlog)|create_restore_point)$/,
  /^pg_(?:rotate_logfile|log_backend_memory_contexts|log_standby_snapshot|export_snapshot|import_system_collations)/,
  /^pg_(?:start_backup|stop_backup|backup_start|backup_stop|(?:wal|xlog)_replay_(?:pause|resume))$/,
  /^pg_(?:stat_reset|stat_statements_reset|stat_clear_snapshot|stat_force_next_flush|restore_|clear_)/,
  /^pg_(?:try_)?advisory_/,
  /^pg_(?:logical_|replication_|create_physical_|create_logical_|copy_physical_|copy_logical_|drop_replication_|sync_replication_)/,
  /^pg_(?:read_(?:binary_)?file|stat_file|ls_[a-z_]+|file_[a-z_]+|prewarm|autoprewarm_[a-z_]+|buffercache_evict[a-z_]*)$/,
  /^(?:lo_(?!get$)[a-z_]+|lowrite|set_config|nextval|setval|brin_[a-z_]+|gin_clean_pending_list)$/,
  /^(?:query|cursor)_to_xml|^ts_(?:stat|rewrite)$|^(?:crosstab|connectby|xpath_table|dblink)|^postgres_fdw_disconnect/,
  /^http(?:_[a-z]+)?$|^pgstattuple_?$|^pg_sync_/,
]

/** Refuses early, and with a reason, what a read-only transaction of Postgres would let through. Not a wall: that is what
 * the user may do. Throws QUERY_REFUSED, and SQL_INVALID for a statement that does not end. */
export function refusePostgresWrites(sql: string): readonly SqlToken[] {
  refuseOddCharacters(sql)
  const tokens = postgresTokens(sql)
  refuseUnread(tokens, (name) => ACTIVE.some((pattern) => pattern.test(name)))
  return tokens
}

const BLANK = /[\t-\r ]+/y
const LINE_COMMENT = /--[^\n\r]*/y
const WORD = /[A-Za-z_\u0080-\uffff][0-9A-Za-z_$\u0080-\uffff]*/y
const NUMBER = /\d[0-9A-Za-z_]*/y
const PARAMETER = /\$\d/y
const DOLLAR = /\$(?:[A-Za-z_\u0080-\uffff][0-9A-Za-z_\u0080-\uffff]*)?\$/y
const STRING = /'(?:[^']|'')*'/y
const ESCAPE_STRING = /[eE]'(?:[^'\\]|\\[\s\S]|'')*'/y
const CONTINUED = /(?:[\t-\r ]|--[^\n\r]*)*'/y
const NAME = /"((?:[^"]|"")+)"/y
const UNICODE_NAME = /[uU]&"/y

function postgresTokens(sql: string): readonly SqlToken[] {
  const tokens: SqlToken[] = []
  let at = 0
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const found = pattern.exec(sql)
    if (found !== null) at = pattern.lastIndex
    return found
  }
  const add = (kind: SqlToken['kind'], text: string) => tokens.push({ kind, text })
  while (at < sql.length) {
    if (match(BLANK) !== null || match(LINE_COMMENT) !== null) continue
    if (sql.startsWith('/*', at)) {
      at = endOfComment(sql, at)
      continue
    }
    // Its escapes would write a name in a way that nobody reads.
    if (match(UNICODE_NAME) !== null) throw queryRefused('characters')
    if (match(PARAMETER) !== null) throw queryRefused('parameters')
    const dollar = match(DOLLAR)
    if (dollar !== null) {
      const end = sql.indexOf(dollar[0], at)
      if (end < 0) throw unfinished()
      at = end + dollar[0].length
      add('other', "'")
      continue
    }
    if (match(ESCAPE_STRING) !== null) {
      // On its next line it would go on, still with its escapes.
      if (match(CONTINUED) !== null) throw queryRefused('characters')
      add('other', "'")
      continue
    }
    if (match(STRING) !== null) {
      add('other', "'")
      continue
    }
    const name = match(NAME)
    if (name !== null) {
      add('name', name[1]!.replaceAll('""', '"'))
      continue
    }
    const word = match(WORD)
    if (word !== null) {
      add('word', word[0].toLowerCase())
      continue
    }
    if (match(NUMBER) !== null) {
      add('other', '0')
      continue
    }
    const character = sql[at++]!
    if (character === "'" || character === '"') throw unfinished()
    add('other', character)
  }
  return tokens
}

/** Comments of Postgres nest. */
function endOfComment(sql: string, from: number): number {
  const mark = /\/\*|\*\//g
  mark.lastIndex = from
  for (let depth = 0, found = mark.exec(sql); found !== null; found = mark.exec(sql)) {
    depth += found[0] === '/*' ? 1 : -1
    if (depth === 0) return mark.lastIndex
  }
  throw unfinished()
}

function unfinished(): AirlockError {
  return new AirlockError('SQL_INVALID', { phase: 'query' })
}
