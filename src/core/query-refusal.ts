import { AirlockError } from '../errors/index.js'

/** Why a statement is refused before it runs, or by the read-only transaction: a closed list, so that no word of the
 * statement gets into an error. */
const REFUSALS = {
  characters: 'it has characters that do not belong into a statement',
  comment: 'it has a comment that the server would run, or a hint',
  empty: 'it is empty',
  function: 'it calls a function that does more than read rows',
  long: 'it is longer than 1 MiB',
  parameters: 'it has parameters',
  several: 'it is more than one statement',
  statement: 'only SELECT, WITH, VALUES, TABLE, SHOW, EXPLAIN and DESCRIBE may run',
  writes: 'it writes or locks',
} as const

export type QueryRefusal = keyof typeof REFUSALS

/** QUERY_REFUSED with one of the known reasons. */
export function queryRefused(reason: QueryRefusal): AirlockError {
  return new AirlockError('QUERY_REFUSED', { phase: 'query', params: { problem: REFUSALS[reason] } })
}

const LONGEST = 1024 * 1024

/** Characters that no statement needs, whatever its language: controls, which lexers disagree about, and halves of
 * characters, which would be sent as something else. Throws QUERY_REFUSED. */
export function refuseOddCharacters(sql: string): void {
  if (sql.length > LONGEST) throw queryRefused('long')
  for (let at = 0; at < sql.length; at++) {
    const unit = sql.charCodeAt(at)
    const blank = unit >= 0x09 && unit <= 0x0d
    const control = (unit < 0x20 && !blank) || (unit >= 0x7f && unit < 0xa0)
    if (control || (unit >= 0xd800 && unit < 0xe000 && !isPair(sql, at++))) throw queryRefused('characters')
  }
}

function isPair(text: string, at: number): boolean {
  const [first, second] = [text.charCodeAt(at), text.charCodeAt(at + 1)]
  return first < 0xdc00 && second >= 0xdc00 && second < 0xe000
}

/** A statement without its comments, cut at what matters: words and names, and single other characters. Literals are left
 * out: `'` stands for each. */
export interface SqlToken {
  /** `word` is unquoted; `name` is what quotes hold. */
  readonly kind: 'word' | 'name' | 'other'
  /** A word in lower case. */
  readonly text: string
}

const READING = new Set(['select', 'with', 'values', 'table', 'show', 'explain', 'describe', 'desc'])

/** What EXPLAIN could be asked to explain, and with ANALYZE to run. */
const CHANGING = new Set(['create', 'insert', 'update', 'delete', 'merge', 'execute', 'declare', 'refresh'])

/** What both engines refuse alike: nothing at all, several statements, one that does not begin like a read, a function
 * that does more than read. Throws QUERY_REFUSED. */
export function refuseUnread(tokens: readonly SqlToken[], isActive: (name: string) => boolean): void {
  const end = tokens.findIndex(({ text, kind }) => kind === 'other' && text === ';')
  if (end >= 0 && tokens.slice(end).some(({ text }) => text !== ';')) throw queryRefused('several')
  const first = tokens.find(({ kind, text }) => kind !== 'other' || text !== '(')
  if (first === undefined || (first.kind === 'other' && first.text === ';')) throw queryRefused('empty')
  if (first.kind !== 'word' || !READING.has(first.text)) throw queryRefused('statement')
  if (first.text === 'explain' || first.text === 'describe' || first.text === 'desc') {
    if (tokens.some(({ kind, text }) => kind === 'word' && CHANGING.has(text))) throw queryRefused('writes')
  }
  tokens.forEach(({ kind, text }, at) => {
    if (kind !== 'other' && tokens[at + 1]?.text === '(' && isActive(text.toLowerCase())) throw queryRefused('function')
  })
}
