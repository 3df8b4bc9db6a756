import type { Automaton } from './automaton.js'
import type { Bucket, Matcher } from './matcher.js'
import { buildMatcher, lowerAscii } from './matcher.js'
import type { LiveForm } from './registry.js'
import { isWord } from './scan.js'

/** Bytes that are kept of what was read: more than any prefix that the automaton knows, and the one before it. */
const KEPT = 80

/** A form that began and whose end has not been read yet. */
interface OpenForm {
  readonly form: LiveForm
  /** Index in the bytes that are kept. */
  readonly start: number
}

/** A matcher for bytes of UTF-8: each form stands in it as those bytes, one unit for each. */
export function byteMatcher(forms: readonly LiveForm[]): Matcher {
  const bytesOf = (text: string) => Buffer.from(text, 'utf8').toString('latin1')
  return buildMatcher(
    [],
    forms.map((form) => ({ ...form, text: bytesOf(form.text), alternative: bytesOf(form.alternative) })),
  )
}

/** Looks through bytes, however they are cut, for values that were registered when the search began: in all their forms,
 * and only for them, since rows may look like anything. Decodes nothing, so that it keeps up with a disk. */
export class ValueSearch {
  readonly #matcher: Matcher
  /** The end of what was read, and then the chunk. */
  #bytes = Buffer.allocUnsafe(2 * 65_536)
  #kept = 0
  #state = 0
  #open: OpenForm[] = []
  #found = false

  /** `matcher` is one of `byteMatcher`. */
  constructor(matcher: Matcher) {
    this.#matcher = matcher
  }

  /** Takes more bytes; whether a value has been found so far. */
  write(chunk: Uint8Array): boolean {
    if (this.#found || chunk.byteLength === 0) return this.#found
    const end = this.#kept + chunk.byteLength
    if (end > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(2 * end)
      this.#bytes.copy(larger, 0, 0, this.#kept)
      this.#bytes = larger
    }
    this.#bytes.set(chunk, this.#kept)
    this.#continueOpen(end, false)
    this.#scan(this.#kept, end)
    this.#keep(end)
    return this.#found
  }

  /** Ends the text; whether a value was found in it. */
  end(): boolean {
    this.#continueOpen(this.#kept, true)
    return this.#found
  }

  #scan(from: number, end: number): void {
    const { automaton, patterns } = this.#matcher
    const point = { state: this.#state, at: from }
    while (!this.#found && readBytes(automaton, this.#bytes, end, point)) {
      for (const row of automaton.endings[point.state / automaton.classCount]!) {
        const { bucket, length } = patterns.get(row)!
        if (bucket !== null) this.#compare(bucket, point.at - length, end)
      }
    }
    this.#state = point.state
  }

  #compare(bucket: Bucket, start: number, end: number): void {
    let { forms } = bucket
    if (bucket.index !== null && start + bucket.indexLength <= end) {
      const key = this.#bytes.toString('latin1', start, start + bucket.indexLength)
      forms = bucket.index.get(lowerAscii(key)) ?? []
    }
    for (const form of forms) this.#try({ form, start }, end, false)
  }

  #continueOpen(end: number, isFinal: boolean): void {
    const open = this.#open
    this.#open = []
    for (const one of open) this.#try(one, end, isFinal)
  }

  /** Decides whether a form is there, or leaves that open until there are more bytes. */
  #try(one: OpenForm, end: number, isFinal: boolean): void {
    const { form, start } = one
    const { text, alternative, short } = form
    const bytes = this.#bytes
    const stop = Math.min(text.length, end - start)
    for (let i = 0; i < stop; i++) {
      const byte = bytes[start + i]
      if (byte !== text.charCodeAt(i) && byte !== alternative.charCodeAt(i)) return
    }
    // A short value counts as a whole word only; behind `\n` or `%20` one begins.
    const behind = (count: number) => (start >= count ? bytes[start - count]! : -1)
    if (short && isWord(behind(1)) && behind(2) !== 0x5c && behind(3) !== 0x25) return
    const needed = start + text.length + (short ? 1 : 0)
    if (end < needed && !isFinal) this.#open.push(one)
    else if (start + text.length <= end) this.#found ||= !(short && needed <= end && isWord(bytes[needed - 1]!))
  }

  /** Moves what may still be needed to the front. */
  #keep(end: number): void {
    const from = this.#open.reduce((least, { start }) => Math.min(least, start - 1), end - KEPT)
    const cut = Math.max(0, from)
    this.#bytes.copyWithin(0, cut, end)
    this.#kept = end - cut
    if (cut > 0) this.#open = this.#open.map(({ form, start }) => ({ form, start: start - cut }))
  }
}

/** Reads bytes up to an end or until a pattern ends; true when a pattern ended. */
function readBytes(
  { table, classes }: Automaton,
  bytes: Uint8Array,
  end: number,
  point: { state: number; at: number },
): boolean {
  let { state } = point
  for (let i = point.at; i < end; i++) {
    state = table[state + classes[bytes[i]!]!]!
    if (state < 0) {
      point.state = ~state
      point.at = i + 1
      return true
    }
  }
  point.state = state
  point.at = end
  return false
}
