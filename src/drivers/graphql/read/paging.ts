import { at, broken } from '../paths.js'
import { pagingFailed } from './complete.js'
import { connectionPage } from './connection-page.js'
import type { ExactJson, ExactObject } from './exact-json.js'
import { exactText } from './exact-json.js'
import type { ConnectionShape } from './selection.js'

/** Paging as it was worked out against the document. */
export type Paging =
  | { readonly kind: 'none' }
  | { readonly kind: 'relay'; readonly variable: string }
  | { readonly kind: 'cursor'; readonly variable: string; readonly next: readonly string[] }
  | { readonly kind: 'offset'; readonly variable: string }
  | { readonly kind: 'page'; readonly variable: string; readonly first: number }

export interface PageSource {
  /** What errors call it. */
  readonly name: string
  readonly records: readonly string[]
  readonly connection: ConnectionShape | undefined
  readonly paging: Paging
  readonly maxPages: number
}

export interface Page {
  readonly records: readonly ExactJson[]
  /** Variables of the next page, as JSON texts; undefined where this was proven to be the last. */
  readonly next: ReadonlyMap<string, string> | undefined
}

/** Follows the pages of one read: what the next one is asked for, and that they end. A cursor that comes again, a page
 * that is the one before, and more pages than `maxPages` fail with PAGING_FAILED. */
export class Pager {
  readonly #source: PageSource
  readonly #seen = new Set<string>()
  #pages = 0
  #records = 0
  #last = ''

  constructor(source: PageSource) {
    this.#source = source
  }

  /** Variables of the first page beside those that are given. */
  first(): ReadonlyMap<string, string> {
    const { paging } = this.#source
    if (paging.kind === 'offset') return new Map([[paging.variable, '0']])
    if (paging.kind === 'page') return new Map([[paging.variable, String(paging.first)]])
    return new Map()
  }

  /** Takes the answer to what was asked last. */
  take(data: ExactObject): Page {
    const { name, paging, records: path, connection, maxPages } = this.#source
    this.#pages++
    const value = at(data, path)
    if (value === undefined) throw broken()
    const { records, cursor } =
      value.kind === 'null' ? { records: [], cursor: undefined } : this.#read(value, connection)
    this.#records += records.length
    const next = this.#next(paging, data, records, cursor)
    if (next === undefined) return { records, next }
    if (this.#pages >= maxPages) throw pagingFailed(name, `there are more than ${maxPages}`)
    return { records, next: new Map([next]) }
  }

  #read(value: ExactJson, connection: ConnectionShape | undefined) {
    if (connection !== undefined) {
      const { records, next } = connectionPage(value, connection)
      return { records, cursor: next }
    }
    // What is no list is one record.
    return { records: value.kind === 'list' ? value.items : [value], cursor: undefined }
  }

  #next(
    paging: Paging,
    data: ExactObject,
    records: readonly ExactJson[],
    cursor: string | undefined,
  ): readonly [string, string] | undefined {
    switch (paging.kind) {
      case 'none':
        if (cursor !== undefined) throw pagingFailed(this.#source.name, 'there are more, and paging is none')
        return undefined
      case 'relay':
        return cursor === undefined ? undefined : [paging.variable, this.#unseen(JSON.stringify(cursor))]
      case 'cursor': {
        const value = at(data, paging.next)
        if (value === undefined || value.kind === 'null' || (value.kind === 'string' && value.text === ''))
          return undefined
        if (value.kind !== 'string' && value.kind !== 'number') throw broken()
        return [paging.variable, this.#unseen(exactText(value))]
      }
      // A server may cap its pages below what is asked for, so that only an empty one is the last.
      case 'offset':
        return this.#ended(records) ? undefined : [paging.variable, String(this.#records)]
      case 'page':
        return this.#ended(records) ? undefined : [paging.variable, String(paging.first + this.#pages)]
    }
  }

  #unseen(cursor: string): string {
    if (this.#seen.has(cursor)) throw pagingFailed(this.#source.name, 'a cursor came a second time')
    this.#seen.add(cursor)
    return cursor
  }

  #ended(records: readonly ExactJson[]): boolean {
    if (records.length === 0) return true
    // A server that does not know the variable sends its first page again and again.
    const text = records.map(exactText).join(',')
    if (text === this.#last) throw pagingFailed(this.#source.name, 'two pages in a row are the same')
    this.#last = text
    return false
  }
}
