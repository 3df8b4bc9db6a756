const LONGEST = 24
/** What says how a value is built and nothing of what it is. */
const KEPT = '@.-_:/,+() '

/** What a value looks like: `a` for small letters and those of scripts without two cases, `A` for capitals, `9` for digits,
 * once for any number of them; `?` for whatever is not one of a few separators. `alice@example.com` is `a@a.a`. */
export function shapeOf(text: string): string {
  let shape = ''
  for (const character of text) {
    const kind = kindOf(character)
    if (kind !== shape.at(-1)) shape += kind
    if (shape.length >= LONGEST) return `${shape}…`
  }
  return shape
}

function kindOf(character: string): string {
  if (/\p{Nd}/u.test(character)) return '9'
  if (/\p{Lu}/u.test(character)) return 'A'
  if (/[\p{L}\p{M}]/u.test(character)) return 'a'
  return KEPT.includes(character) ? character : '?'
}
