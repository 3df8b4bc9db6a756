import { AirlockError } from '../../../errors/index.js'

/** A JSON value that keeps the text it was written in. `text` of a string is its decoded value; numbers keep every digit;
 * lists and objects know their slice of the source. Names of objects are never properties of a JavaScript object. */
export type ExactJson =
  | { readonly kind: 'null' }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'string'; readonly text: string }
  | ExactList
  | ExactObject

export interface ExactList {
  readonly kind: 'list'
  readonly items: readonly ExactJson[]
  readonly source: Slice
}

export interface ExactObject {
  readonly kind: 'object'
  readonly fields: ReadonlyMap<string, ExactJson>
  readonly source: Slice
}

/** A part of the text that was read. */
export interface Slice {
  readonly text: string
  readonly start: number
  readonly end: number
}

/** Deeper than any answer that a query can ask for. */
const DEPTH = 256

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const BLANK = /[ \t\n\r]*/y
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Reads one JSON text (RFC 8259) without changing a digit. Of two equal names in one object the last counts, as for
 * JSON.parse. Throws PROTOCOL_ERROR for anything else, and never repeats what it read. */
export function parseExact(text: string): ExactJson {
  const reader = new Reader(text)
  const value = reader.value(0)
  reader.end()
  return value
}

/** The text of a value: for lists and objects the very text that was read. */
export function exactText(value: ExactJson): string {
  switch (value.kind) {
    case 'null':
      return 'null'
    case 'boolean':
      return String(value.value)
    case 'number':
      return value.text
    case 'string':
      return JSON.stringify(value.text)
    default:
      return value.source.text.slice(value.source.start, value.source.end)
  }
}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
    this.#blank()
  }

  value(depth: number): ExactJson {
    const text = this.#text
    switch (text.charCodeAt(this.#at)) {
      case 0x7b:
        return this.#object(depth)
      case 0x5b:
        return this.#list(depth)
      case 0x22: {
        const value = this.#string()
        this.#blank()
        return { kind: 'string', text: value }
      }
      case 0x74:
        return this.#word('true', { kind: 'boolean', value: true })
      case 0x66:
        return this.#word('false', { kind: 'boolean', value: false })
      case 0x6e:
        return this.#word('null', NULL)
      default:
        return this.#number()
    }
  }

  end(): void {
    if (this.#at !== this.#text.length) throw broken()
  }

  #object(depth: number): ExactObject {
    const start = this.#enter(depth)
    const fields = new Map<string, ExactJson>()
    if (this.#text[this.#at] !== '}') {
      for (;;) {
        if (this.#text[this.#at] !== '"') throw broken()
        const name = this.#string()
        this.#blank()
        this.#take(':')
        fields.set(name, this.value(depth + 1))
        if (this.#text[this.#at] !== ',') break
        this.#take(',')
      }
    }
    return { kind: 'object', fields, source: this.#leave('}', start) }
  }

  #list(depth: number): ExactList {
    const start = this.#enter(depth)
    const items: ExactJson[] = []
    if (this.#text[this.#at] !== ']') {
      for (;;) {
        items.push(this.value(depth + 1))
        if (this.#text[this.#at] !== ',') break
        this.#take(',')
      }
    }
    return { kind: 'list', items, source: this.#leave(']', start) }
  }

  #enter(depth: number): number {
    if (depth >= DEPTH) throw broken()
    const start = this.#at++
    this.#blank()
    return start
  }

  #leave(bracket: string, start: number): Slice {
    if (this.#text[this.#at] !== bracket) throw broken()
    const end = ++this.#at
    this.#blank()
    return { text: this.#text, start, end }
  }

  /** From its quote to behind its last one. */
  #string(): string {
    const text = this.#text
    const start = this.#at + 1
    let plain = true
    let at = start
    for (;;) {
      const code = text.charCodeAt(at)
      if (code === QUOTE) break
      // Behind the end it is NaN.
      if (!(code >= 0x20)) throw broken()
      if (code === BACKSLASH) plain = false
      at += code === BACKSLASH ? 2 : 1
    }
    this.#at = at + 1
    return plain ? text.slice(start, at) : unquote(text.slice(start - 1, this.#at))
  }

  #number(): ExactJson {
    const start = this.#at
    NUMBER.lastIndex = start
    if (!NUMBER.test(this.#text)) throw broken()
    this.#at = NUMBER.lastIndex
    const text = this.#text.slice(start, this.#at)
    this.#blank()
    return { kind: 'number', text }
  }

  #word<T extends ExactJson>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw broken()
    this.#at += word.length
    this.#blank()
    return value
  }

  #take(sign: string): void {
    if (this.#text[this.#at] !== sign) throw broken()
    this.#at++
    this.#blank()
  }

  #blank(): void {
    if (this.#text.charCodeAt(this.#at) > 0x20) return
    BLANK.lastIndex = this.#at
    BLANK.exec(this.#text)
    this.#at = BLANK.lastIndex
  }
}

const NULL = { kind: 'null' } as const

/** Half of a surrogate pair alone is no character, and no UTF-8 can hold it. */
function unquote(quoted: string): string {
  let text: string
  try {
    text = JSON.parse(quoted) as string
  } catch {
    throw broken()
  }
  if (/\p{Surrogate}/u.test(text)) throw broken()
  return text
}

function broken(): AirlockError {
  return new AirlockError('PROTOCOL_ERROR', { phase: 'extract' })
}
