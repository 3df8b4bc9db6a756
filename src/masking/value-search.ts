import { StringDecoder } from 'node:string_decoder'
import type { Matcher } from './matcher.js'
import { Pass } from './pass.js'

/** Looks through one text, however it is cut, for values that were registered when the search began. Keeps no text. */
export class ValueSearch {
  readonly #decoder = new StringDecoder('utf8')
  readonly #pass: Pass
  #found = false

  /** `matcher` without rules: only values count. */
  constructor(matcher: Matcher) {
    this.#pass = new Pass(matcher, () => {
      this.#found = true
    })
  }

  /** Takes more bytes of UTF-8; whether a value has been found so far. */
  write(chunk: Uint8Array): boolean {
    if (this.#found) return true
    this.#pass.write(this.#decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)))
    return this.#found
  }

  /** Ends the text; whether a value was found in it. */
  end(): boolean {
    if (!this.#found) this.#pass.end(this.#decoder.end())
    return this.#found
  }
}
