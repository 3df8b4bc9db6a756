import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { inspect } from 'node:util'
import { AirlockError } from '../errors/index.js'

const SHOWN = '***'

/** A value that never turns into text by accident. It lives in a `#private` field of a frozen object without own
 * properties, so templates, JSON, `util.inspect` (with any option), `structuredClone`, `v8.serialize` and `Headers` all
 * show `***` or nothing. `reveal()` is the one grep-able way out. `label` names the secret in errors and comes from the
 * configuration, never from data. JavaScript strings cannot be wiped: `dispose()` drops the reference, no more.
 * Throws `SECRET_UNRESOLVED` when it is used after `dispose()`. */
export class Secret<T = string> implements Disposable {
  #value: T | undefined
  #live = true
  readonly #label: string

  constructor(value: T, label: string) {
    this.#value = value
    this.#label = label
    Object.freeze(this)
  }

  get label(): string {
    return this.#label
  }

  /** The value itself. Whoever calls this answers for where it goes. */
  reveal(): T {
    if (!this.#live) throw new AirlockError('SECRET_UNRESOLVED', { params: { at: this.#label } })
    return this.#value as T
  }

  /** A secret made from this one, under the same label. */
  map<U>(change: (value: T) => U): Secret<U> {
    return new Secret(change(this.reveal()), this.#label)
  }

  /** Compares in time that does not depend on where strings or bytes differ: both sides go through an HMAC with a
   * fresh key, so neither content nor length shows in the timing. Other types compare by identity. */
  equals(other: Secret<T>): boolean {
    const mine = this.reveal()
    const theirs = other.reveal()
    if (!isBytes(mine) || !isBytes(theirs)) return Object.is(mine, theirs)
    const key = randomBytes(32)
    return timingSafeEqual(digest(key, mine), digest(key, theirs))
  }

  dispose(): void {
    this.#value = undefined
    this.#live = false
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  toString(): string {
    return SHOWN
  }

  toJSON(): string {
    return SHOWN
  }

  [inspect.custom](): string {
    return SHOWN
  }

  [Symbol.toPrimitive](): string {
    return SHOWN
  }

  get [Symbol.toStringTag](): string {
    return SHOWN
  }
}

function isBytes(value: unknown): value is string | Uint8Array {
  return typeof value === 'string' || value instanceof Uint8Array
}

function digest(key: Uint8Array, value: string | Uint8Array): Buffer {
  return createHmac('sha256', key).update(value).digest()
}
