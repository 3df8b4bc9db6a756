const LONGEST = 32

/** Takes terminal control sequences (ECMA-48 CSI, `ESC [ … m` and the like) out of a text before it is matched, and puts
 * them back when it is released: a colour in the middle of a token must not hide it. Sequences inside of a mask go. */
export class AnsiFilter {
  #carry = ''
  #length = 0
  #marks: { readonly at: number; readonly sequence: string }[] = []

  /** The text without control sequences. An unfinished sequence waits for more. */
  strip(text: string, final: boolean): string {
    if (this.#carry === '' && !text.includes('\x1b')) {
      this.#length += text.length
      return text
    }
    const input = this.#carry + text
    this.#carry = ''
    let plain = ''
    let at = 0
    for (let start = input.indexOf('\x1b'); start !== -1; start = input.indexOf('\x1b', at)) {
      plain += input.slice(at, start)
      const end = sequenceEnd(input, start)
      if (end === 'unfinished' && !final) {
        this.#carry = input.slice(start)
        this.#length += plain.length
        return plain
      }
      if (typeof end === 'number') {
        this.#marks.push({ at: this.#length + plain.length, sequence: input.slice(start, end) })
        at = end
      } else {
        plain += '\x1b'
        at = start + 1
      }
    }
    plain += input.slice(at)
    this.#length += plain.length
    return plain
  }

  /** Puts back what stood before each unit of a released text that begins at `start`. */
  weave(text: string, start: number): string {
    if (this.#marks.length === 0) return text
    let out = ''
    let at = start
    let used = 0
    for (const mark of this.#marks) {
      if (mark.at >= start + text.length) break
      out += text.slice(at - start, mark.at - start) + mark.sequence
      at = mark.at
      used++
    }
    this.#marks.splice(0, used)
    return out + text.slice(at - start)
  }

  /** What stood at or before the start of a mask. */
  before(position: number): string {
    let out = ''
    while (this.#marks.length > 0 && this.#marks[0]!.at <= position) out += this.#marks.shift()!.sequence
    return out
  }

  /** Forgets what stood inside of a mask that ends at a position. */
  drop(position: number): void {
    while (this.#marks.length > 0 && this.#marks[0]!.at < position) this.#marks.shift()
  }

  /** What stood at the very end of the text. */
  rest(): string {
    return this.before(Number.POSITIVE_INFINITY)
  }
}

/** The text without control sequences. */
export function stripAnsi(text: string): string {
  return new AnsiFilter().strip(text, true)
}

function sequenceEnd(input: string, start: number): number | 'unfinished' | 'none' {
  if (start + 1 === input.length) return 'unfinished'
  if (input[start + 1] !== '[') return 'none'
  for (let i = start + 2; i < start + LONGEST; i++) {
    if (i === input.length) return 'unfinished'
    const code = input.charCodeAt(i)
    if (code >= 0x40 && code <= 0x7e) return i + 1
    if (code < 0x20 || code > 0x3f) return 'none'
  }
  return 'none'
}
