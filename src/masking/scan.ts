/** Where a committed mask ends. Called with the position up to which the text is known to be masked; returns the end of
 * the masked span. When the text ran out it leaves `scan.open` set and returns the position to resume from: everything
 * before that position is masked whatever follows. */
export type Terminator = (scan: Scan, from: number) => number

/** What a rule found: a span with a fixed end, or one whose end a terminator will find. */
export interface Found {
  readonly start: number
  readonly end?: number
  /** Where the terminator begins to look; `start` when absent. */
  readonly from?: number
  readonly until?: Terminator
}

/** One rule behind anchors. `find` runs once per anchor hit, may look back at most `LOOK_BACK` characters from `start`,
 * and reads text only through the scan, so that a decision that depends on text still to come is seen as open. */
export interface Rule {
  readonly id: string
  readonly anchors: readonly string[]
  find(scan: Scan, start: number, end: number): Found | null
}

/** How far a rule may look back from its anchor; a stream keeps at least this much of what it has already released. */
export const LOOK_BACK = 640

/** How many masked spans a rule can see when it looks back. */
const REMEMBERED = 4

/** What rules remember between two anchors of one text. It never depends on how the text was cut. */
export interface Notes {
  /** The command line being read: the family of the program, and how far its line has been followed. */
  command: { readonly family: string; end: number } | null
  /** A cache of the last `@` in the word that is being looked at by the URL rule. */
  word: { from: number; to: number; lastAt: number; ended: boolean }
  /** The identifier that the key rule looked at last; more anchors in it are no news. */
  key: { start: number; end: number }
}

/** A window on one text, whole or still arriving. Positions are absolute: they count from the start of the text, not of
 * the window. `at` is the only way for a rule to read: looking past the end of a text that is still arriving sets
 * `open`, and the decision is taken again when there is more. That makes the hold-back of streams exact. */
export class Scan {
  text = ''
  offset = 0
  final = true
  open = false
  /** Set by a rule while it reads: it will mask nothing before this position. Streams may release that much. */
  hold = 0
  /** The masked spans that were found last: start and end in turns, touching ones joined. */
  readonly #masks: number[] = []
  readonly notes: Notes = {
    command: null,
    word: { from: 0, to: 0, lastAt: -1, ended: false },
    key: { start: -1, end: -1 },
  }

  /** UTF-16 unit at a position, -1 outside of the text. */
  at(position: number): number {
    const index = position - this.offset
    if (index < this.text.length) return index < 0 ? -1 : this.text.charCodeAt(index)
    if (!this.final) this.open = true
    return -1
  }

  /** Unit in front of a position; an asterisk where a mask ends, so that masking again decides as before. */
  behind(position: number): number {
    return this.isMasked(position - 1, position) ? 0x2a : this.at(position - 1)
  }

  /** Notes a masked span. */
  mask(start: number, end: number): void {
    const masks = this.#masks
    for (let i = masks.length - 2; i >= 0; i -= 2) {
      if (start > masks[i + 1]! || end < masks[i]!) continue
      masks[i] = Math.min(masks[i]!, start)
      masks[i + 1] = Math.max(masks[i + 1]!, end)
      return
    }
    masks.push(start, end)
    if (masks.length > REMEMBERED * 2) masks.splice(0, 2)
  }

  /** Whether a span lies within one that is masked. */
  isMasked(start: number, end: number): boolean {
    const masks = this.#masks
    for (let i = masks.length - 2; i >= 0; i -= 2) if (start >= masks[i]! && end <= masks[i + 1]!) return true
    return false
  }

  /** Whether the text at a position reads exactly so. */
  is(position: number, expected: string): boolean {
    for (let i = 0; i < expected.length; i++) {
      if (this.at(position + i) !== expected.charCodeAt(i)) return false
    }
    return true
  }

  /** The same without regard to ASCII case; `expected` is in lower case. */
  isFolded(position: number, expected: string): boolean {
    for (let i = 0; i < expected.length; i++) {
      if (lower(this.at(position + i)) !== expected.charCodeAt(i)) return false
    }
    return true
  }

  /** First position at or after `from`, and before `limit`, whose unit does not pass the test. */
  skip(from: number, limit: number, test: (code: number) => boolean): number {
    let i = from
    while (i < limit && test(this.at(i))) i++
    return i
  }

  /** Text that has already been read with `at`. */
  slice(start: number, end: number): string {
    return this.text.slice(Math.max(0, start - this.offset), Math.max(0, end - this.offset))
  }

  /** Whether a word may begin here: the unit before is no letter or digit, or belongs to an escape such as `\n`, `%20`
   * or `\u0022`, or to a mask. */
  startsWord(position: number): boolean {
    return !isWord(this.behind(position)) || this.endsEscape(position)
  }

  /** Whether the units just before a position are the end of an escape: `\n`, `%20`, `\u0022`, `\x22`. */
  endsEscape(position: number): boolean {
    const c1 = this.at(position - 1)
    const c2 = this.at(position - 2)
    if (c2 === 0x5c && (c1 === 0x6e || c1 === 0x72 || c1 === 0x74 || c1 === 0x62 || c1 === 0x66)) return true
    if (!isHex(c1) || !isHex(c2)) return false
    const c3 = this.at(position - 3)
    if (c3 === 0x25) return true
    if (c3 === 0x78 && this.at(position - 4) === 0x5c) return true
    return isHex(c3) && isHex(this.at(position - 4)) && this.at(position - 5) === 0x75 && this.at(position - 6) === 0x5c
  }
}

export function lower(code: number): number {
  return code >= 0x41 && code <= 0x5a ? code + 32 : code
}

export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

export function isHex(code: number): boolean {
  return isDigit(code) || (code >= 0x61 && code <= 0x66) || (code >= 0x41 && code <= 0x46)
}

export function isLetter(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a)
}

/** ASCII letters, digits and the underscore. */
export function isWord(code: number): boolean {
  return isLetter(code) || isDigit(code) || code === 0x5f
}

/** Letters, digits and `_ - . $`: what a key, a variable or an option is made of. */
export function isKeyChar(code: number): boolean {
  return isWord(code) || code === 0x2d || code === 0x2e || code === 0x24
}

export function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

export function isLineBreak(code: number): boolean {
  return code === 0x0a || code === 0x0d
}

/** Blank, line break, other control characters, and the wide spaces. Not the end of the text. */
export function isSpace(code: number): boolean {
  return (code >= 0 && code <= 0x20) || code === 0xa0 || code === 0x2028 || code === 0x2029 || code === 0x3000
}

export function isQuote(code: number): boolean {
  return code === 0x22 || code === 0x27 || code === 0x60
}
