/** Several words for the shell. */
export function words(parts: readonly string[]): string {
  return parts.map(word).join(' ')
}

/** Quotes one word for the shell (POSIX, 2.2.2). */
export function word(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
