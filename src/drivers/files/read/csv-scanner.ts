const QUOTE = 0x22
const LF = 0x0a
const CR = 0x0d

/** How a field was written. */
export const PLAIN = 0
export const QUOTED = 1
/** Quoted, with doubled quotes inside. */
export const DOUBLED = 2

/** What became of a look at one record. */
export const COMPLETE = 0
export const INCOMPLETE = 1

/** Why a record is refused; index: outcome - 2. */
const FAULTS = [
  'a quote is not closed',
  'a quote stands inside of an unquoted field',
  'something follows a closing quote',
  'a carriage return has no line feed behind it',
] as const
const UNCLOSED = 2
const STRAY_QUOTE = 3
const AFTER_QUOTE = 4
const LONE_CR = 5

/** Finds the fields of records by RFC 4180, in bytes. Fields may be quoted, with quotes doubled and line feeds inside;
 * records end with LF or CRLF, the last one also with the file. */
export class CsvScanner {
  /** Three numbers a field: start and end without its quotes, and how it was written. */
  fields: Int32Array = new Int32Array(3 * 64)
  /** Fields of the last complete record. */
  count = 0
  /** Where the record behind it begins. */
  next = 0
  #delimiter: number
  /** What an unquoted field cannot hold. */
  #special = new Uint8Array(256)

  constructor(delimiter: number) {
    this.#delimiter = delimiter
    for (const byte of [delimiter, QUOTE, LF, CR]) this.#special[byte] = 1
  }

  /** The rule that an outcome stands for. */
  static fault(outcome: number): string {
    return FAULTS[outcome - 2] ?? 'it is not CSV'
  }

  /** Looks at the record that begins at `from`. `final`: nothing follows data[from, end). */
  record(data: Uint8Array, from: number, end: number, final: boolean): number {
    const special = this.#special
    const delimiter = this.#delimiter
    let fields: Int32Array = this.fields
    let n = 0
    let at = from
    for (;;) {
      if (n + 3 > fields.length) fields = this.#grow()
      const start = at
      if (at < end && data[at] === QUOTE) {
        let how = QUOTED
        at++
        for (;;) {
          while (at < end && data[at] !== QUOTE) at++
          if (at === end) return final ? UNCLOSED : INCOMPLETE
          if (at + 1 === end && !final) return INCOMPLETE
          if (at + 1 === end || data[at + 1] !== QUOTE) break
          how = DOUBLED
          at += 2
        }
        fields[n] = start + 1
        fields[n + 1] = at
        fields[n + 2] = how
        at++
      } else {
        while (at < end && special[data[at]!] === 0) at++
        if (at < end && data[at] === QUOTE) return STRAY_QUOTE
        fields[n] = start
        fields[n + 1] = at
        fields[n + 2] = PLAIN
      }
      n += 3
      if (at === end) {
        if (!final) return INCOMPLETE
        this.next = end
        break
      }
      const byte = data[at]
      if (byte === delimiter) {
        at++
        continue
      }
      if (byte === LF) {
        this.next = at + 1
        break
      }
      if (byte !== CR) return AFTER_QUOTE
      if (at + 1 === end) return final ? LONE_CR : INCOMPLETE
      if (data[at + 1] !== LF) return LONE_CR
      this.next = at + 2
      break
    }
    this.count = n / 3
    return COMPLETE
  }

  #grow(): Int32Array {
    const larger = new Int32Array(this.fields.length * 2)
    larger.set(this.fields)
    this.fields = larger
    return larger
  }
}

/** Removes the second of each pair of quotes in data[start, end), in place; gives the new end. What is behind it is zeroed:
 * nothing of the value stays where no cell covers it. */
export function joinQuotes(data: Uint8Array, start: number, end: number): number {
  let to = start
  for (let at = start; at < end; at++) {
    const byte = data[at]!
    data[to++] = byte
    if (byte === QUOTE) at++
  }
  data.fill(0, to, end)
  return to
}
