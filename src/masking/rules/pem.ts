import { isBlank, isDigit, isLetter, isLineBreak, isQuote, type Rule, type Scan, type Terminator } from '../scan.js'

const REGION_LIMIT = 16_384
const LINE_PEEK = 512
const LONG_RUN = 24

/** Private keys in PEM (RFC 7468) and OpenSSH form, whole from BEGIN to END: with real line breaks, with `\n` written
 * out, with something in front of every line, or cut off. Certificates and public keys stay. */
export const pemRule: Rule = {
  id: 'pem',
  anchors: ['-----BEGIN ', '---- BEGIN '],
  find: (scan, start, end) => {
    const close = scan.skip(end, end + 64, (c) => c !== -1 && c !== 0x2d && !isLineBreak(c))
    const label = scan.slice(end, close)
    if (!/PRIVATE KEY|SECRET KEY/i.test(label)) return null
    return { start, from: close, until: pemEnd(start) }
  },
}

/** Line by line: the region ends after the END marker, before a quote (a key in a JSON text ends there at the latest), or
 * before the first line that holds nothing of a key. */
function pemEnd(start: number): Terminator {
  return (scan, from) => {
    let i = from
    for (;;) {
      const c = scan.at(i)
      if (c === -1 || c === 0x22 || c === 0x27 || c === 0x60 || c === 0x3c) return i
      if (c === 0x2d && scan.isFolded(i, '-----end ')) {
        const dashes = scan.skip(i + 9, i + 73, (d) => d !== -1 && d !== 0x2d && !isLineBreak(d))
        const end = scan.skip(dashes, dashes + 5, (d) => d === 0x2d)
        return scan.open ? i : end
      }
      if (c === 0x0a && (i > start + REGION_LIMIT || !holdsKey(scan, i + 1))) return i
      if (c === 0x5c) {
        const run = scan.skip(i, i + 32, (d) => d === 0x5c)
        if (isQuote(scan.at(run))) return i
      }
      if (scan.open) return i
      i++
    }
  }
}

/** Whether a line is part of a key: empty, all base64, a header of the key, a marker, or with a long base64 run. */
function holdsKey(scan: Scan, from: number): boolean {
  let run = 0
  let longest = 0
  let others = 0
  let i = from
  for (; i < from + LINE_PEEK; i++) {
    const c = scan.at(i)
    if (c === -1 || c === 0x0a) break
    if (c === 0x2d && scan.is(i, '-----')) return true
    if (isLetter(c) || isDigit(c) || c === 0x2b || c === 0x2f || c === 0x3d) {
      run++
      longest = Math.max(longest, run)
    } else if (c !== 0x0d && !(isBlank(c) && run === 0 && others === 0)) {
      others++
      run = 0
    }
  }
  if (longest >= LONG_RUN || others === 0) return true
  return /^\s*(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset|Key-\w+|PuTTY-[\w-]+|Encryption):/i.test(
    scan.slice(from, i),
  )
}
