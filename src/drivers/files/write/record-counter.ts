const QUOTE = 0x22
const LF = 0x0a

/** Counts the records in the bytes of a file as they pass, by its line feeds alone: independent of who wrote them. */
export class RecordCounter {
  bytes = 0
  #records = 0
  #quoted = false
  #last = LF
  #quotes: boolean

  /** `quotes`: a line feed between quotes ends no record. */
  constructor(options: { readonly quotes: boolean }) {
    this.#quotes = options.quotes
  }

  /** Records so far, one without a line feed at its end included. */
  get records(): number {
    return this.#records + (this.#last === LF ? 0 : 1)
  }

  /** The bytes so far end within quotes. */
  get torn(): boolean {
    return this.#quoted
  }

  /** The last record has its line feed. */
  get closed(): boolean {
    return this.#last === LF && !this.#quoted
  }

  add(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.bytes += bytes.length
    this.#last = bytes[bytes.length - 1]!
    let records = this.#records
    if (this.#quotes) {
      let quoted = this.#quoted
      for (let at = 0; at < bytes.length; at++) {
        const byte = bytes[at]
        if (byte === QUOTE) quoted = !quoted
        else if (byte === LF && !quoted) records++
      }
      this.#quoted = quoted
    } else {
      for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, at + 1)) records++
    }
    this.#records = records
  }
}
