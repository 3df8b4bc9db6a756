import type { SqlToken } from './query-refusal.js'

/** The column of a table or a view that a column of a result shows unchanged. */
export interface ColumnOrigin {
  readonly schema: string
  readonly table: string
  readonly column: string
}

/** Where the columns of a query's result come from, as far as that is certain. */
export interface QueryProvenance {
  /** By column; undefined for what is computed, or may be. */
  readonly origins: readonly (ColumnOrigin | undefined)[]
  /** Whether nothing of these columns, named in lower case, can be in a computed column. */
  readonly isClosedTo: (columns: ReadonlySet<string>) => boolean
}

/** Functions that give no more than they are given: none that runs text, reads a whole row or a table by its name. */
const PLAIN_FUNCTIONS = new Set(
  `count sum avg min max round floor ceil ceiling abs sign mod power sqrt trunc truncate coalesce nullif ifnull if greatest
  least lower upper length char_length character_length substr substring left right trim ltrim rtrim replace concat concat_ws
  date_trunc date_part extract date time year month day hour minute second quarter week dayofweek dayofmonth dayofyear
  weekday date_add date_sub datediff timestampdiff timestampadd date_format to_char to_date to_timestamp str_to_date
  from_unixtime unix_timestamp now current_timestamp current_date curdate age interval cast convert decimal char numeric
  varchar varbinary timestamp row_number rank dense_rank ntile lag lead first_value last_value percent_rank cume_dist
  percentile_cont percentile_disc stddev stddev_pop stddev_samp variance var_pop var_samp bool_and bool_or every isnull
  version database`.split(/\s+/),
)

/** Where servers keep values of tables for themselves: statistics, histograms, statements of other users. */
const KEEPS_VALUES = /^(?:pg_stat.*|mysql|performance_schema|sys|processlist|column_statistics|column_stats)$/

/** Whether a table of the server itself may hold values of other tables. */
export function keepsValues({ schema, table }: Pick<ColumnOrigin, 'schema' | 'table'>): boolean {
  return [schema, table].some((name) => KEEPS_VALUES.test(name.toLowerCase()))
}

/** Words that may stand before a parenthesis and are no functions. */
const BEFORE_PARENTHESIS = new Set(
  `select distinct all and or not in exists any some between like ilike rlike regexp is when then else case where on having by
  from join using over partition filter within group limit offset union intersect except as on values set with returning
  interval`.split(/\s+/),
)

/** Ends the list of what is read from. */
const BEHIND_FROM = new Set(
  'where group having order limit offset fetch window for union intersect except minus select into procedure'.split(
    ' ',
  ),
)
/** Words of that list which name nothing. */
const IN_FROM = new Set(
  'join inner left right full outer cross natural straight_join on using as only lateral tablesample use force ignore index key'.split(
    ' ',
  ),
)

/** Whether a statement cannot carry a value of the columns into a computed column: it does not name them or the server's own statistics, has no `*` but
 * that of `count(*)`, calls plain functions only and, where a language has rows as values (`rows`), takes none. Sure in one
 * direction: what it refuses may be harmless. */
export function isClosedStatement(
  tokens: readonly SqlToken[],
  columns: ReadonlySet<string>,
  { rows }: { readonly rows: boolean },
): boolean {
  if (isBareExplain(tokens)) return true
  const fine = tokens.every(({ kind, text }, at) => {
    const before = tokens[at - 1]
    const behind = tokens[at + 1]
    if (kind === 'other') return text !== '*' || isCountOrProduct(tokens, at)
    const name = text.toLowerCase()
    // Servers fold letters beyond ASCII in ways of their own.
    if (!/^[\x20-\x7e]+$/.test(name) || columns.has(name) || KEEPS_VALUES.test(name)) return false
    if (kind === 'word' && name === 'table') return false
    if (behind?.text !== '(' || behind.kind !== 'other') return true
    if (before?.kind === 'other' && before.text === '.') return false
    return kind === 'word' && (PLAIN_FUNCTIONS.has(name) || BEFORE_PARENTHESIS.has(name))
  })
  return fine && !(rows && takesRows(tokens))
}

/** EXPLAIN as a table: how the server would go about it, without a value. With options it runs the statement, or prints
 * conditions into which it has put values that it looked up. */
function isBareExplain([first, second]: readonly SqlToken[]): boolean {
  const explains = first?.kind === 'word' && ['explain', 'describe', 'desc'].includes(first.text)
  return explains && second?.kind === 'word' && ['select', 'with', 'values', 'table'].includes(second.text)
}

/** `count(*)`, or a star between two operands. */
function isCountOrProduct(tokens: readonly SqlToken[], at: number): boolean {
  const [first, before, behind] = [tokens[at - 2], tokens[at - 1], tokens[at + 1]]
  if (before?.text === '(' && behind?.text === ')') return first?.kind === 'word' && first.text === 'count'
  const left = before !== undefined && (before.kind !== 'other' || [')', '0', "'"].includes(before.text))
  const right = behind !== undefined && (behind.kind !== 'other' || ['(', '0', '-', "'"].includes(behind.text))
  return (
    left && right && !KEYWORDS_BEFORE_STAR.has(before.text) && !BEHIND_FROM.has(behind.text) && behind.text !== 'from'
  )
}

const KEYWORDS_BEFORE_STAR = new Set(['select', 'distinct', 'all'])

/** Whether a table, or what a FROM calls it, is used as a value: the whole row. */
function takesRows(tokens: readonly SqlToken[]): boolean {
  const { names, places } = fromItems(tokens)
  return tokens.some(({ kind, text }, at) => {
    if (kind === 'other' || places.has(at) || !names.has(text.toLowerCase())) return false
    const before = tokens[at - 1]
    const behind = tokens[at + 1]
    return !(behind?.kind === 'other' && behind.text === '.') || (before?.kind === 'other' && before.text === '.')
  })
}

/** What every FROM of a statement names, and where. */
function fromItems(tokens: readonly SqlToken[]): { names: ReadonlySet<string>; places: ReadonlySet<number> } {
  const names = new Set<string>()
  const places = new Set<number>()
  // By depth of parentheses: whether a FROM goes on there, and whether the parenthesis itself is one of its items.
  const levels = [{ inFrom: false, isItem: false }]
  let expected = false
  for (let at = 0; at < tokens.length; at++) {
    const { kind, text } = tokens[at]!
    const level = levels.at(-1)!
    if (kind === 'other') {
      if (text === '(') {
        levels.push({ inFrom: expected, isItem: expected })
        continue
      }
      if (text === ')' && levels.length > 1) {
        // Its alias follows.
        expected = levels.pop()!.isItem
        continue
      }
      expected = text === '.' ? expected : text === ',' && level.inFrom
      continue
    }
    if (kind === 'word' && (text === 'from' || text === 'join')) {
      level.inFrom = true
      expected = true
    } else if (kind === 'word' && BEHIND_FROM.has(text)) {
      level.inFrom = false
      expected = false
    } else if (kind === 'word' && IN_FROM.has(text)) {
      expected &&= text !== 'on' && text !== 'using'
    } else if (expected) {
      // The table, with its schema before it, and its alias behind it.
      names.add(text.toLowerCase())
      places.add(at)
    }
  }
  return { names, places }
}
