import type { LogicalType } from '../../../core/column-type.js'

const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[-+]?\d+)?$/i

/** Array text of Postgres taken apart: nested arrays, elements as text, and NULL, which is not "NULL".
 * https://www.postgresql.org/docs/17/arrays.html#ARRAYS-IO */
export type ArrayItem = string | null | readonly ArrayItem[]

/** Reads `{a,"b,c",NULL,{…}}`, with bounds in front or without. Undefined for anything else. */
export function parseArray(text: string, delimiter = ','): readonly ArrayItem[] | undefined {
  const reader = new ArrayReader(text.replace(/^(?:\[-?\d+:-?\d+\])+=/, ''), delimiter)
  return reader.all()
}

/** The same values as JSON: numbers and booleans as such, everything else as strings; NaN and infinite numbers are strings
 * too, which JSON has no numbers for. Bounds are lost. Undefined for text that is no array. */
export function arrayToJson(text: string, element: LogicalType, delimiter = ','): string | undefined {
  const items = parseArray(text, delimiter)
  return items === undefined ? undefined : itemToJson(items, innermost(element))
}

function innermost(type: LogicalType): LogicalType {
  return type.kind === 'array' ? innermost(type.element) : type
}

function itemToJson(item: ArrayItem, element: LogicalType): string {
  if (item === null) return 'null'
  if (typeof item !== 'string') return `[${item.map((inner) => itemToJson(inner, element)).join(',')}]`
  switch (element.kind) {
    case 'boolean':
      return item === 't' || item === 'true' ? 'true' : 'false'
    case 'int16':
    case 'int32':
    case 'int64':
    case 'uint64':
    case 'decimal':
    case 'float32':
    case 'float64':
      return JSON_NUMBER.test(item) ? item : JSON.stringify(item)
    case 'json':
      return item
    default:
      return JSON.stringify(item)
  }
}

class ArrayReader {
  #text: string
  #delimiter: string
  #at = 0

  constructor(text: string, delimiter: string) {
    this.#text = text
    this.#delimiter = delimiter
  }

  all(): readonly ArrayItem[] | undefined {
    const items = this.#array()
    return items !== undefined && this.#at === this.#text.length ? items : undefined
  }

  #array(): readonly ArrayItem[] | undefined {
    if (this.#text[this.#at++] !== '{') return undefined
    const items: ArrayItem[] = []
    if (this.#text[this.#at] === '}') {
      this.#at++
      return items
    }
    for (;;) {
      const item = this.#item()
      if (item === undefined) return undefined
      items.push(item)
      const next = this.#text[this.#at++]
      if (next === '}') return items
      if (next !== this.#delimiter) return undefined
    }
  }

  #item(): ArrayItem | undefined {
    const first = this.#text[this.#at]
    if (first === '{') return this.#array()
    if (first === '"') return this.#quoted()
    const begun = this.#at
    while (this.#at < this.#text.length) {
      const letter = this.#text[this.#at]
      if (letter === '}' || letter === this.#delimiter) break
      this.#at++
    }
    const word = this.#text.slice(begun, this.#at)
    return word === '' ? undefined : word === 'NULL' ? null : word
  }

  #quoted(): string | undefined {
    let value = ''
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const letter = this.#text[this.#at]!
      if (letter === '"') {
        this.#at++
        return value
      }
      if (letter === '\\') this.#at++
      value += this.#text[this.#at] ?? ''
    }
    return undefined
  }
}
