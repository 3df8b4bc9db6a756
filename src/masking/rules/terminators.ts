import {
  isBlank,
  isKeyChar,
  isLetter,
  isLineBreak,
  isQuote,
  isSpace,
  isWord,
  type Scan,
  type Terminator,
} from '../scan.js'

const BACKSLASH = 0x5c
/** From here on a line break ends a value whose closing sign never came. */
const REGION_LIMIT = 8192
const RUN_LIMIT = 64

/** The end of a quoted value. `level` is the number of backslashes in front of its quotes (0, 1, 3, 7: JSON within JSON);
 * `width` 2 or 3 for quotes that are doubled or tripled as a whole; `oneLine` where a line break cannot be inside. */
export function quotedEnd(quote: number, level: number, width: number, oneLine: boolean, start: number): Terminator {
  const cycle = 2 * (level + 1)
  return (scan, from) => {
    let i = from
    for (;;) {
      const c = scan.at(i)
      if (c === -1) return i
      if (c === BACKSLASH) {
        const run = runOf(scan, i, BACKSLASH)
        const next = scan.at(i + run)
        if (scan.open && run < RUN_LIMIT) return i
        if (next === quote && level > 0 && run < RUN_LIMIT) {
          if (run < level) return i
          if (run % cycle === level) return i + run - level
        }
        i += run
        if (next === quote && run < RUN_LIMIT && run % 2 === 1) i++
      } else if (c === quote && level === 0) {
        const run = width === 1 ? Math.min(2, runOf(scan, i, quote)) : Math.min(width, runOf(scan, i, quote))
        if (scan.open) return i
        if (width === 1 && run === 1) return i
        if (width > 1 && run === width) return i
        i += run
      } else if (c === quote) return i
      else {
        if (isLineBreak(c) && (oneLine || i >= start + REGION_LIMIT)) return i
        i++
      }
    }
  }
}

/** How an unquoted value ends. `word`: at white space. `line`: at the end of the line, or before the next `key=` or
 * `key:`. `whole-line`: at the end of the line. `query`: at `&` or `#`. `encoded`: at `%26`. `xml`: at `<`. */
export type BareMode = 'word' | 'line' | 'whole-line' | 'query' | 'encoded' | 'xml'

/** The end of an unquoted value. The quote, bracket or comma that closes what is around the value is left out of it,
 * a closing bracket that the value opened itself is not. */
export function bareEnd(mode: BareMode): Terminator {
  let opened = false
  return (scan, from) => {
    let i = from
    let tail = from
    for (;;) {
      const c = scan.at(i)
      if (c === -1) return tail
      if (isLineBreak(c)) return tail
      if (isSpace(c)) {
        if (mode === 'word' || mode === 'query' || mode === 'encoded') return tail
        if (mode === 'line' && nextPairFollows(scan, i)) return tail
        if (scan.open) return tail
        i++
        if (i - tail > RUN_LIMIT) tail = i
        continue
      }
      if (mode === 'xml') {
        if (c === 0x3c) return tail
      } else if (endsBare(scan, i, c, mode)) return tail
      if (scan.open) return tail
      if (isOpener(c)) opened = true
      i++
      const trims = mode !== 'xml' && (c === 0x2c || c === 0x3b || (isCloser(c) && !opened))
      if (!trims || i - tail > 8) tail = i
    }
  }
}

function endsBare(scan: Scan, i: number, c: number, mode: BareMode): boolean {
  if (isQuote(c))
    return mode === 'whole-line' ? closesLine(scan, i + 1) : mode === 'query' || closesAround(scan.at(i + 1))
  if (c === BACKSLASH) return escapeEnds(scan, i, mode)
  if (c === 0x26)
    return mode === 'query' || (mode !== 'whole-line' && (pairFollows(scan, i + 1, 0) || entityFollows(scan, i)))
  if (c === 0x3c) return mode === 'query' || scan.at(i + 1) === 0x2f
  if (c === 0x23) return mode === 'query' || (mode === 'line' && isBlank(scan.at(i - 1)))
  if (c === 0x25 && mode === 'encoded')
    return scan.is(i, '%26') || scan.is(i, '%22') || scan.is(i, '%23') || scan.is(i, '%20')
  if (mode === 'whole-line' || mode === 'query') return false
  if (c === 0x3b) {
    const next = scan.at(i + 1)
    return next === -1 || isSpace(next) || isQuote(next) || pairFollows(scan, i + 1, 32)
  }
  if (c === 0x2c) return isQuote(scan.at(i + 1)) || pairFollows(scan, i + 1, 0)
  return false
}

/** After a quote that closes what is around: the end, white space, punctuation, or one more quote. */
export function closesAround(next: number): boolean {
  if (next === -1 || isSpace(next) || isQuote(next) || isCloser(next)) return true
  return (
    next === 0x2c ||
    next === 0x3b ||
    next === 0x3a ||
    next === 0x2f ||
    next === BACKSLASH ||
    next === 0x26 ||
    next === 0x2e
  )
}

/** After a quote that closes a text around a whole header line: parameters such as `realm="x", nonce="y"` do not. */
function closesLine(scan: Scan, i: number): boolean {
  const next = scan.at(i)
  if (next === -1 || isLineBreak(next) || isCloser(next) || next === BACKSLASH) return true
  return next === 0x2c && isQuote(scan.at(isBlank(scan.at(i + 1)) ? i + 2 : i + 1))
}

/** `\"` of the text around, or an escaped line break that begins something new. */
function escapeEnds(scan: Scan, i: number, mode: BareMode): boolean {
  const run = runOf(scan, i, BACKSLASH)
  const next = scan.at(i + run)
  if (isQuote(next)) {
    return mode === 'whole-line'
      ? closesLine(scan, i + run + 1)
      : mode === 'query' || closesAround(scan.at(i + run + 1))
  }
  if (next !== 0x6e && next !== 0x72 && next !== 0x74) return false
  const after = scan.at(i + run + 1)
  if (after === -1 || isSpace(after) || isQuote(after) || after === BACKSLASH || isCloser(after)) return true
  return mode === 'whole-line' || pairFollows(scan, i + run + 1, 0)
}

/** Whether `key=` or `key:` follows; with `blanks`, up to so many blanks may be inside of the key (`User ID=`). */
function pairFollows(scan: Scan, from: number, blanks: number): boolean {
  let i = from
  if (!isLetter(scan.at(i)) && scan.at(i) !== 0x5f) return false
  const limit = from + 64
  while (i < limit && (isKeyChar(scan.at(i)) || (i - from < blanks && isBlank(scan.at(i))))) i++
  const c = scan.at(i)
  if (c === 0x3a) return scan.at(i + 1) !== 0x2f
  return c === 0x3d
}

/** In a line of several pairs: blanks, then `key=` or `key: `, or a comment. */
function nextPairFollows(scan: Scan, from: number): boolean {
  let i = from
  while (i < from + 16 && isBlank(scan.at(i))) i++
  if (scan.at(i) === 0x23) return true
  let j = i
  while (j < i + 40 && isKeyChar(scan.at(j))) j++
  if (j === i || j === i + 40) return false
  if (scan.at(j) === 0x3d) return true
  return scan.at(j) === 0x3a && (isSpace(scan.at(j + 1)) || scan.at(j + 1) === -1)
}

function entityFollows(scan: Scan, i: number): boolean {
  return ['&quot;', '&apos;', '&#34;', '&#39;', '&lt;', '&gt;', '&amp;'].some((entity) => scan.is(i, entity))
}

/** The end of a bracketed value, brackets and quotes counted, and of what is glued to it. `level` as in `quotedEnd`. */
export function balancedEnd(level: number, start: number): Terminator {
  let depth = 0
  let inside: Terminator | null = null
  let glued: Terminator | null = null
  return (scan, from) => {
    let i = from
    for (;;) {
      if (glued) return glued(scan, i)
      if (inside) {
        i = inside(scan, i)
        if (scan.open || scan.at(i) === -1) return i
        inside = null
        i += level + 1
        continue
      }
      const c = scan.at(i)
      if (c === -1) return i
      if (isLineBreak(c) && i >= start + REGION_LIMIT) return i
      const run = c === BACKSLASH ? runOf(scan, i, BACKSLASH) : 0
      const quote = scan.at(i + run)
      if (scan.open) return i
      if (isQuote(quote)) {
        if (run !== level) return i
        i += run + 1
        inside = quotedEnd(quote, level, 1, false, i)
      } else if (run > 0) i += run
      else {
        i++
        if (c === 0x7b || c === 0x5b) depth++
        else if ((c === 0x7d || c === 0x5d) && --depth <= 0) glued = bareEnd('word')
      }
    }
  }
}

/** The end of an ODBC value in braces, `}}` being a brace inside. Begins after the opening brace. */
export function bracedEnd(): Terminator {
  return (scan, from) => {
    let i = from
    for (;;) {
      const c = scan.at(i)
      if (c === -1 || isLineBreak(c)) return i
      if (c !== 0x7d) i++
      else {
        const next = scan.at(i + 1)
        if (scan.open) return i
        if (next !== 0x7d) return i
        i += 2
      }
    }
  }
}

/** The end of a Postgres dollar-quoted text, at its closing tag. */
export function taggedEnd(tag: string, start: number): Terminator {
  return (scan, from) => {
    let i = from
    for (;;) {
      const c = scan.at(i)
      if (c === -1) return i
      if (c === 0x24 && scan.is(i, tag)) return i
      if (scan.open) return i
      if (isLineBreak(c) && i >= start + REGION_LIMIT) return i
      i++
    }
  }
}

/** The end of a YAML block or list: the first line that is indented no deeper than the key. Begins at a line break. */
export function indentedEnd(indent: number): Terminator {
  return (scan, from) => {
    let i = from
    for (;;) {
      const c = scan.at(i)
      if (c === -1) return i
      if (!isLineBreak(c)) {
        i++
        continue
      }
      let j = i
      let column = 0
      while (j < i + RUN_LIMIT * 4 && (isLineBreak(scan.at(j)) || isBlank(scan.at(j)))) {
        column = isLineBreak(scan.at(j)) ? 0 : column + 1
        j++
      }
      if (scan.open) return i
      if (scan.at(j) === -1 || column <= indent) return i
      i = j
    }
  }
}

/** The end of a run of units. */
export function runEnd(test: (code: number) => boolean): Terminator {
  return (scan, from) => {
    let i = from
    while (test(scan.at(i))) i++
    return i
  }
}

function runOf(scan: Scan, from: number, code: number): number {
  let i = from
  while (i < from + RUN_LIMIT && scan.at(i) === code) i++
  return i - from
}

function isOpener(code: number): boolean {
  return code === 0x28 || code === 0x5b || code === 0x7b || code === 0x3c
}

function isCloser(code: number): boolean {
  return code === 0x29 || code === 0x5d || code === 0x7d || code === 0x3e
}

/** Letters, digits, `_` and `-`: the alphabet of most tokens. */
export function isTokenChar(code: number): boolean {
  return isWord(code) || code === 0x2d
}
