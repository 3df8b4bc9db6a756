import { AnsiFilter } from './ansi.js'
import { readOn } from './automaton.js'
import { type Bucket, lowerAscii, type Matcher, type Pattern } from './matcher.js'
import { MASK } from './placeholders.js'
import type { LiveForm } from './registry.js'
import { dsnColon } from './rules/urls.js'
import { isWord, LOOK_BACK, type Rule, Scan, type Terminator } from './scan.js'

/** Counts of masked spans by rule; never values. */
export type CountSpan = (rule: string) => void

interface Span {
  start: number
  end: number
}

/** A mask that goes on to where its terminator says. */
interface GrowingMask {
  readonly start: number
  at: number
  readonly until: Terminator
  /** The text ended before the mask did. */
  waits: boolean
}

const NO_TOUCH = -1
/** More than the length of any anchor or prefix. */
const LONGEST_PATTERN = 64

/** One pass over one text, whole or in pieces. The automaton reads every unit once; hits are decided in order of their
 * ends; a decision that looked past the text so far waits, with everything from its start on held back. The output for
 * any cutting of a text is therefore the output for the whole. */
export class Pass {
  #matcher: Matcher
  readonly #count: CountSpan
  readonly #scan = new Scan()
  readonly #ansi = new AnsiFilter()
  #state = 0
  #scanned = 0
  #released = 0
  #hits: number[] = []
  #spans: Span[] = []
  /** Short values with a word right behind them: they count when that turns out to be masked too. */
  #maybes: Span[] = []
  #growing: GrowingMask[] = []
  /** From where on the first hit may still mask. */
  #hold = 0
  /** How far the decision about the first hit has come: 0 before the values, then one more for every rule. */
  #step = 0
  #maskEnd = NO_TOUCH

  constructor(matcher: Matcher, count: CountSpan) {
    this.#matcher = matcher
    this.#count = count
    this.#scan.final = false
  }

  /** Takes more text and gives the part of the masked text that can no longer change. */
  write(text: string): string {
    return this.#advance(text, false)
  }

  /** Ends the text and gives what was held back. `pending` are values that the automaton does not hold yet; they are
   * searched one by one, which is for texts that are given whole. */
  end(text = '', pending: readonly LiveForm[] = []): string {
    return this.#advance(text, true, pending)
  }

  /** Continues with a new automaton: what is held back is read again, so that values added meanwhile are found in it. */
  replace(matcher: Matcher): void {
    this.#matcher = matcher
    this.#scanned = Math.max(this.#scan.offset, this.#released)
    this.#state = 0
    this.#hits = []
    this.#step = 0
    this.#hold = 0
  }

  /** The masked spans of a whole text, in order; instead of `end`. */
  spans(text: string): readonly Readonly<Span>[] {
    this.#scan.final = true
    this.#scan.text = text
    this.#read()
    this.#decide()
    this.#settleMaybes(text.length)
    const merged: Span[] = []
    for (const span of this.#spans.sort((a, b) => a.start - b.start)) {
      const last = merged.at(-1)
      if (last && span.start <= last.end) last.end = Math.max(last.end, span.end)
      else if (span.end > span.start) merged.push({ ...span })
    }
    return merged
  }

  #advance(text: string, final: boolean, pending: readonly LiveForm[] = []): string {
    const scan = this.#scan
    const plain = this.#ansi.strip(text, final)
    scan.final = final
    scan.text = scan.text === '' ? plain : scan.text + plain
    for (const mask of this.#growing) mask.waits = false
    this.#read()
    const decided = this.#decide()
    for (const form of pending) this.#search(form)
    const end = scan.offset + scan.text.length
    return this.#release(final ? end : this.#liveStart(decided, end), end)
  }

  /** Runs the automaton over what is new and notes the hits. */
  #read(): void {
    const { automaton, reader } = this.#matcher
    const { text, offset } = this.#scan
    const point = { state: this.#state, at: 0 }
    for (let from = this.#scanned - offset; from < text.length; ) {
      const length = reader.load(text, from)
      point.at = 0
      while (readOn(automaton, reader.units, length, point)) {
        const end = offset + from + point.at
        for (const row of automaton.endings[point.state / automaton.classCount]!) this.#hits.push(end, row)
      }
      from += length
    }
    this.#state = point.state
    this.#scanned = offset + text.length
  }

  /** Decides hits in order. Returns the position from which on text is held back. */
  #decide(): number {
    const hits = this.#hits
    let next = 0
    while (next < hits.length) {
      const end = hits[next]!
      if (end > this.#growMasks()) break
      if (!this.#decideHit(this.#matcher.patterns.get(hits[next + 1]!)!, end)) break
      this.#step = 0
      this.#hold = 0
      next += 2
    }
    this.#growMasks()
    if (next > 0) this.#hits = hits.slice(next)
    return this.#heldFrom()
  }

  /** Where the first hit begins that is not decided; hits are in order of their ends, not of their beginnings. */
  #heldFrom(): number {
    const hits = this.#hits
    let held = Number.POSITIVE_INFINITY
    for (let i = 0; i < hits.length && hits[i]! - LONGEST_PATTERN < held; i += 2) {
      const start = hits[i]! - this.#matcher.patterns.get(hits[i + 1]!)!.length
      held = Math.min(held, i === 0 ? Math.max(start, this.#hold) : start)
    }
    return held
  }

  /** Looks for values and runs the rules of a hit, going on where the last look ended. False when the text so far does
   * not tell yet. */
  #decideHit(pattern: Pattern, end: number): boolean {
    const scan = this.#scan
    const start = end - pattern.length
    scan.open = false
    if (this.#step === 0) {
      const longest = pattern.bucket ? this.#compare(pattern.bucket, start) : null
      if (longest && !scan.open) this.#acceptForm(start, longest)
      if (scan.open) return false
      this.#step = 1
    }
    if (scan.isMasked(start, end)) return true
    for (; this.#step <= pattern.rules.length; this.#step++) {
      scan.hold = start
      if (!this.#run(pattern.rules[this.#step - 1]!, start, end)) {
        if (this.#step === pattern.rules.length) this.#hold = scan.hold
        return false
      }
    }
    return true
  }

  #run(rule: Rule, start: number, end: number): boolean {
    const scan = this.#scan
    const found = rule.find(scan, start, end)
    if (scan.open) return false
    if (!found) return true
    if (found.end !== undefined) {
      if (found.end > found.start) this.#accept(found.start, found.end, rule.id)
      return true
    }
    const from = found.from ?? found.start
    this.#accept(found.start, from, rule.id)
    this.#growing.push({ start: found.start, at: from, until: found.until!, waits: false })
    return true
  }

  /** Lets the masks whose end is not known yet grow as far as the text goes. Returns the position up to which all of
   * them are known. */
  #growMasks(): number {
    if (this.#growing.length === 0) return Number.POSITIVE_INFINITY
    const scan = this.#scan
    for (const mask of this.#growing) {
      if (mask.waits) continue
      scan.open = false
      const at = mask.until(scan, mask.at)
      if (at > mask.at) this.#spans.push({ start: mask.at, end: at })
      if (at > mask.start) scan.mask(mask.start, at)
      mask.at = at
      mask.waits = scan.open
    }
    this.#growing = this.#growing.filter((mask) => mask.waits)
    return this.#growing.reduce((least, mask) => Math.min(least, mask.at), Number.POSITIVE_INFINITY)
  }

  /** The longest registered form at a position. Leaves the scan open when the text ends before that is known. */
  #compare(bucket: Bucket, start: number): LiveForm | null {
    const scan = this.#scan
    let forms = bucket.forms
    if (bucket.index) {
      const key = scan.slice(start, start + bucket.indexLength)
      if (key.length === bucket.indexLength) forms = bucket.index.get(lowerAscii(key)) ?? []
    }
    let longest: LiveForm | null = null
    for (const form of forms) {
      if (longest && form.text.length <= longest.text.length) continue
      if (matches(scan, start, form)) longest = form
    }
    return longest
  }

  #acceptForm(start: number, form: LiveForm): void {
    const scan = this.#scan
    const end = start + form.text.length
    if (form.short) {
      const bounded = scan.startsWord(start)
      if (bounded && !isWord(scan.at(end))) this.#accept(start, end, 'value')
      else if (bounded && !scan.open) this.#maybes.push({ start, end })
    } else if (form.base64) this.#accept(start, groupEnd(scan, end), 'value')
    else this.#accept(start, end, 'value')
  }

  /** Finds one form everywhere in a text that is there as a whole. */
  #search(form: LiveForm): void {
    const { text } = this.#scan
    for (const written of new Set([form.text, form.alternative])) {
      for (let at = text.indexOf(written); at !== -1; at = text.indexOf(written, at + 1)) this.#acceptForm(at, form)
    }
  }

  #accept(start: number, end: number, rule: string): void {
    if (this.#scan.open) return
    this.#spans.push({ start, end })
    if (end > start) this.#scan.mask(start, end)
    this.#count(rule)
  }

  /** Start of what may still become a hit: the prefix that the automaton is in, or a word that `@tcp(` may end. */
  #liveStart(decided: number, end: number): number {
    const { classCount, live: lengths } = this.#matcher.automaton
    let live = Math.min(decided, end - lengths[this.#state / classCount]!)
    const colon = dsnColon(this.#scan, end)
    if (colon !== -1) live = Math.min(live, colon + 1)
    for (const maybe of this.#maybes) if (maybe.end >= live) live = Math.min(live, maybe.start)
    for (const mask of this.#growing) live = Math.min(live, mask.at)
    const last = this.#scan.at(live - 1)
    if (last >= 0xd800 && last <= 0xdbff && live === end) live--
    this.#scan.open = false
    return Math.max(live, this.#released)
  }

  /** Gives the masked text up to a position. Spans that touch become one mask. */
  #release(upTo: number, end: number): string {
    const { text, offset } = this.#scan
    this.#settleMaybes(upTo)
    if (this.#spans.length > 1) this.#spans.sort((a, b) => a.start - b.start || a.end - b.end)
    let out = ''
    let at = this.#released
    let used = 0
    for (const span of this.#spans) {
      if (span.start >= upTo && span.start > this.#maskEnd) break
      used++
      if (span.end === span.start) continue
      if (span.start > this.#maskEnd) {
        out += this.#ansi.weave(text.slice(at - offset, span.start - offset), at) + this.#ansi.before(span.start) + MASK
        at = span.start
      }
      if (span.end > this.#maskEnd) this.#maskEnd = span.end
      this.#ansi.drop(this.#maskEnd)
      if (this.#maskEnd > at) at = Math.min(this.#maskEnd, end)
    }
    if (used > 0) this.#spans.splice(0, used)
    if (upTo > at) {
      out += this.#ansi.weave(text.slice(at - offset, upTo - offset), at)
      at = upTo
    }
    if (this.#scan.final) out += this.#ansi.rest()
    this.#released = at
    if (!this.#scan.final) this.#forget()
    return out
  }

  #settleMaybes(upTo: number): void {
    for (let i = this.#maybes.length - 1; i >= 0; i--) {
      const maybe = this.#maybes[i]!
      if (this.#spans.some((span) => span.start <= maybe.end && span.end > maybe.end)) {
        this.#spans.push(maybe)
        this.#count('value')
      } else if (maybe.start >= upTo) continue
      this.#maybes.splice(i, 1)
    }
  }

  /** Drops text that no rule can look back at any more. */
  #forget(): void {
    const scan = this.#scan
    const keep =
      Math.min(this.#released, this.#hits.length > 0 ? this.#hits[0]! - LONGEST_PATTERN : this.#released) - LOOK_BACK
    if (keep - scan.offset < LOOK_BACK) return
    scan.text = scan.text.slice(keep - scan.offset)
    scan.offset = keep
  }
}

function matches(scan: Scan, start: number, form: LiveForm): boolean {
  const { text, alternative } = form
  for (let i = 0; i < text.length; i++) {
    const c = scan.at(start + i)
    if (c !== text.charCodeAt(i) && c !== alternative.charCodeAt(i)) return false
  }
  return true
}

/** The unfinished group behind a core, and its padding. */
function groupEnd(scan: Scan, end: number): number {
  let i = scan.skip(end, end + 3, isBase64)
  if (scan.at(i) === 0x3d) i = scan.skip(i, i + 2, (c) => c === 0x3d)
  return i
}

function isBase64(c: number): boolean {
  return isWord(c) || c === 0x2b || c === 0x2f || c === 0x2d
}
