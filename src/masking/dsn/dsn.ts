import { isPlaceholder, MASK } from './placeholder.js'

/** The families of connection strings: URL; JDBC; go-sql-driver `u:p@tcp(h)/d`; libpq `host=h password=p`; ADO and ODBC
 * `Server=h;Pwd=p`. */
export type DsnKind = 'url' | 'jdbc' | 'go' | 'keywords' | 'pairs'

/** text[start, end) must not be shown. `password` is a credential by its place or its name; `unknown` is anything whose
 * meaning the parser cannot vouch for. */
export interface DsnSpan {
  readonly start: number
  readonly end: number
  readonly role: 'password' | 'unknown'
}

/** A connection string understood. `scheme` ends with `://` (`jdbc:mysql://`), or with `:` where its dialect has no
 * slashes, and is empty for shapes without one. Spans are in no order and may overlap: where a text can be read in
 * two ways, both readings hide what they hold secret. */
export interface Dsn {
  readonly kind: DsnKind
  readonly scheme: string
  readonly spans: readonly DsnSpan[]
}

/** The text under a parser and what it has hidden so far. */
export class DsnText {
  readonly text: string
  readonly spans: DsnSpan[] = []

  constructor(text: string) {
    this.text = text
  }

  /** Hides text[start, end), unless it is empty or a placeholder: in a credential's place any, elsewhere only the mask
   * itself. */
  hide(start: number, end: number, role: DsnSpan['role']): void {
    const text = this.text.slice(start, end)
    const keep = role === 'password' ? isPlaceholder(text) : text === '' || text === MASK
    if (!keep) this.spans.push({ start, end, role })
  }

  /** The first index in [start, end) whose character is one of `characters`, or `end`. */
  find(characters: string, start: number, end: number): number {
    for (let i = start; i < end; i++) if (characters.includes(this.text[i]!)) return i
    return end
  }
}
