/** The few words of PostgREST's query language that the driver writes, as SQL. */

const OPERATORS: Readonly<Record<string, string>> = { gt: '>', gte: '>=', lt: '<', lte: '<=', eq: '=', neq: '<>' }

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** Takes the quotes off a name or a value. */
export function unquote(text: string): string {
  return text.startsWith('"') ? text.slice(1, -1).replaceAll(/\\(.)/g, '$1') : text
}

/** Splits at the commas that are neither in quotes nor in brackets. */
export function splitList(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let start = 0
  for (let i = 0; i < text.length; i++) {
    const character = text[i]
    if (character === '"') i = endOfQuotes(text, i)
    else if (character === '(') depth++
    else if (character === ')') depth--
    else if (character === ',' && depth === 0) {
      parts.push(text.slice(start, i))
      start = i + 1
    }
  }
  return text === '' ? [] : [...parts, text.slice(start)]
}

/** `name.op.value`, `or(…)` or `and(…)`. At the top of a query a value is not quoted. */
export function condition(text: string, top = false): string {
  const group = /^(or|and)\((.*)\)$/s.exec(text)
  if (group !== null) {
    const terms = splitList(group[2]!).map((term) => condition(term))
    return `(${terms.join(group[1] === 'or' ? ' OR ' : ' AND ')})`
  }
  const nameEnd = text.startsWith('"') ? endOfQuotes(text, 0) + 1 : text.indexOf('.')
  const [, operator = '', value = ''] = /^\.(\w+)\.(.*)$/s.exec(text.slice(nameEnd)) ?? []
  const sign = OPERATORS[operator]
  if (sign === undefined) throw new Error('a condition that this fake does not know')
  return `${quoteName(unquote(text.slice(0, nameEnd)))} ${sign} ${quoteText(top ? value : unquote(value))}`
}

function endOfQuotes(text: string, at: number): number {
  let i = at + 1
  while (text[i] !== '"') i += text[i] === '\\' ? 2 : 1
  return i
}
