import { isJson } from './cell-readers.js'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d

/** What a value is. */
export const MISSING = 0
export const NULL = 1
export const TRUE = 2
export const FALSE = 3
export const NUMBER = 4
/** Text without escapes; its span is inside of the quotes. */
export const STRING = 5
/** Text with escapes; its span includes the quotes. */
export const ESCAPED = 6
/** An object or an array. */
export const NESTED = 7

/** What became of a line: 0, or why it is refused (index: fault - 1). */
const FAULTS = [
  'it is not one JSON object',
  'a key stands in it twice',
  'it has a key that the first rows do not have; declare it in `columns`',
  'a value is not JSON',
] as const
const NOT_OBJECT = 1
const TWICE = 2
const UNKNOWN = 3
const NOT_JSON = 4

const BLANK = new Uint8Array(256)
for (const byte of [0x20, 0x09, 0x0a, 0x0d]) BLANK[byte] = 1
/** Bytes that a number may have. */
const NUMERIC = new Uint8Array(256)
for (const letter of '0123456789+-.eE') NUMERIC[letter.charCodeAt(0)] = 1

const NUMBER_TEXT = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** Finds the values of JSON objects, one a line, in bytes and without making any of them a JavaScript value: numbers keep
 * every digit. */
export class JsonLineScanner {
  /** Two numbers a field: start and end of its value in the last line. */
  spans: Int32Array
  /** What the value of each field is. */
  kinds: Uint8Array
  #names: Uint8Array[] = []
  #byName = new Map<string, number>()
  /** The field that each place of the last line had: lines mostly have the same keys in the same order. */
  #order: number[] = []
  #add: boolean

  /** `add`: keys that are not known become fields. */
  constructor(fields: readonly string[], add = false) {
    this.spans = new Int32Array(Math.max(16, fields.length) * 2)
    this.kinds = new Uint8Array(Math.max(16, fields.length))
    this.#add = add
    for (const name of fields) this.#field(name)
  }

  /** Names in the order of their first appearance. */
  get fields(): readonly string[] {
    return [...this.#byName.keys()]
  }

  static fault(fault: number): string {
    return FAULTS[fault - 1] ?? FAULTS[0]
  }

  /** Looks at the line data[from, end), which has no line feed. Gives 0 or a fault. */
  line(data: Uint8Array, from: number, end: number): number {
    this.kinds.fill(MISSING)
    let at = behindBlanks(data, from, end)
    if (data[at] !== OPEN_OBJECT || at >= end) return NOT_OBJECT
    at = behindBlanks(data, at + 1, end)
    if (at < end && data[at] === CLOSE_OBJECT) return behindBlanks(data, at + 1, end) === end ? 0 : NOT_OBJECT
    for (let place = 0; ; place++) {
      if (at >= end || data[at] !== QUOTE) return NOT_OBJECT
      const keyEnd = stringEnd(data, at, end)
      if (keyEnd < 0) return NOT_JSON
      const field = this.#fieldAt(place, data, at, keyEnd)
      if (field === UNREADABLE) return NOT_JSON
      if (field < 0) return UNKNOWN
      if (this.kinds[field] !== MISSING) return TWICE
      at = behindBlanks(data, keyEnd, end)
      if (at >= end || data[at] !== COLON) return NOT_OBJECT
      at = this.#value(field, data, behindBlanks(data, at + 1, end), end)
      if (at < 0) return NOT_JSON
      at = behindBlanks(data, at, end)
      if (at >= end) return NOT_OBJECT
      if (data[at] === CLOSE_OBJECT) return behindBlanks(data, at + 1, end) === end ? 0 : NOT_OBJECT
      if (data[at] !== COMMA) return NOT_OBJECT
      at = behindBlanks(data, at + 1, end)
    }
  }

  /** Where the value ends, or a negative number. */
  #value(field: number, data: Uint8Array, start: number, end: number): number {
    if (start >= end) return -1
    const first = data[start]!
    if (first === QUOTE) {
      const behind = stringEnd(data, start, end)
      if (behind < 0) return -1
      const escaped = data.subarray(start, behind).includes(BACKSLASH)
      return this.#keep(
        field,
        escaped ? ESCAPED : STRING,
        escaped ? start : start + 1,
        escaped ? behind : behind - 1,
        behind,
      )
    }
    if (first === OPEN_OBJECT || first === OPEN_ARRAY) {
      const behind = nestedEnd(data, start, end)
      if (behind < 0 || !isJson(data, start, behind)) return -1
      return this.#keep(field, NESTED, start, behind, behind)
    }
    if (NUMERIC[first] === 1) {
      let at = start + 1
      while (at < end && NUMERIC[data[at]!] === 1) at++
      if (!isNumber(data, start, at)) return -1
      return this.#keep(field, NUMBER, start, at, at)
    }
    for (const [word, kind] of WORDS) {
      if (end - start < word.length) continue
      if (word.every((byte, index) => data[start + index] === byte)) {
        return this.#keep(field, kind, start, start + word.length, start + word.length)
      }
    }
    return -1
  }

  #keep(field: number, kind: number, start: number, end: number, behind: number): number {
    this.kinds[field] = kind
    this.spans[field * 2] = start
    this.spans[field * 2 + 1] = end
    return behind
  }

  /** The field of the key data[start, end), quotes included. */
  #fieldAt(place: number, data: Uint8Array, start: number, end: number): number {
    const expected = this.#order[place]
    if (expected !== undefined) {
      const name = this.#names[expected]!
      if (name.length === end - start - 2) {
        let i = 0
        while (i < name.length && data[start + 1 + i] === name[i]) i++
        if (i === name.length) return expected
      }
    }
    const name = jsonText(data, start, end)
    if (name === undefined) return UNREADABLE
    const field = this.#byName.get(name) ?? (this.#add ? this.#field(name) : -1)
    if (field >= 0) this.#order[place] = field
    return field
  }

  #field(name: string): number {
    const field = this.#names.length
    // A key with escapes is never equal to these bytes, and is looked up by its text.
    this.#names.push(Buffer.from(name))
    this.#byName.set(name, field)
    if (field >= this.kinds.length) {
      const kinds = new Uint8Array(this.kinds.length * 2)
      kinds.set(this.kinds)
      this.kinds = kinds
      const spans = new Int32Array(this.spans.length * 2)
      spans.set(this.spans)
      this.spans = spans
    }
    return field
  }
}

const UNREADABLE = -2

const WORDS: readonly (readonly [Uint8Array, number])[] = [
  [Buffer.from('null'), NULL],
  [Buffer.from('true'), TRUE],
  [Buffer.from('false'), FALSE],
]

/** The text of the JSON string data[start, end), quotes included; undefined where it is none, or where it holds half of a
 * surrogate pair, which UTF-8 cannot. */
export function jsonText(data: Uint8Array, start: number, end: number): string | undefined {
  try {
    const text: unknown = JSON.parse(Buffer.from(data.buffer, data.byteOffset + start, end - start).toString('utf8'))
    return typeof text === 'string' && !/\p{Cs}/u.test(text) ? text : undefined
  } catch {
    // The parser's own error quotes the value.
    return undefined
  }
}

function behindBlanks(data: Uint8Array, from: number, end: number): number {
  let at = from
  while (at < end && BLANK[data[at]!] === 1) at++
  return at
}

/** Behind the closing quote, or -1; a control character in between is not JSON. */
function stringEnd(data: Uint8Array, start: number, end: number): number {
  for (let at = start + 1; at < end; at++) {
    const byte = data[at]!
    if (byte === QUOTE) return at + 1
    if (byte === BACKSLASH) at++
    else if (byte < 0x20) return -1
  }
  return -1
}

/** Behind the bracket that closes the one at `start`, or -1. Whether the rest is JSON is not looked at. */
function nestedEnd(data: Uint8Array, start: number, end: number): number {
  let depth = 0
  for (let at = start; at < end; at++) {
    const byte = data[at]!
    if (byte === QUOTE) {
      at = stringEnd(data, at, end) - 1
      if (at < 0) return -1
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      depth++
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      if (--depth === 0) return at + 1
    }
  }
  return -1
}

/** A number by RFC 8259: plain digits are seen at once. */
function isNumber(data: Uint8Array, start: number, end: number): boolean {
  const first = data[start]!
  let at = start
  while (at < end && data[at]! >= 0x30 && data[at]! <= 0x39) at++
  if (at === end && (first !== 0x30 || end === start + 1)) return true
  return NUMBER_TEXT.test(Buffer.from(data.buffer, data.byteOffset + start, end - start).toString('latin1'))
}
