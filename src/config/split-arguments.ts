/** Splits a command into its arguments as a POSIX shell would (section 2.2, quoting), and does nothing else a shell does:
 * no variables, no patterns, no substitution, no operators. Returns undefined for an open quote or a trailing backslash. */
export function splitArguments(command: string): string[] | undefined {
  const found: string[] = []
  let current: string | undefined
  let quote: '"' | "'" | undefined
  for (let i = 0; i < command.length; i++) {
    const char = command[i]!
    if (quote === undefined && /\s/.test(char)) {
      if (current !== undefined) found.push(current)
      current = undefined
    } else if (quote === undefined && (char === '"' || char === "'")) {
      quote = char
      current ??= ''
    } else if (char === quote) {
      quote = undefined
    } else if (char === '\\' && quote !== "'") {
      const next = command[++i]
      if (next === undefined) return undefined
      // Between double quotes a backslash is kept unless it stands before a character that it can escape.
      const kept = quote === '"' && !'$`"\\\n'.includes(next) ? `\\${next}` : next
      current = (current ?? '') + kept
    } else {
      current = (current ?? '') + char
    }
  }
  if (quote !== undefined) return undefined
  if (current !== undefined) found.push(current)
  return found
}
