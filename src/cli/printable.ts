/** A value of somebody's database as one line of a terminal: what would move the cursor, ring, or turn the text around is
 * written as an escape. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) => {
    const short = SHORT[character]
    return short ?? `\\u{${character.codePointAt(0)!.toString(16)}}`
  })
}

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }
