import { types } from 'node:util'
import type { AirlockError } from '../errors/index.js'
import type { KeyJudge, KeyVerdict } from './keys.js'
import { isPlaceholder, MASK } from './placeholders.js'
import { type PathTree, parsePaths } from './secret-paths.js'

const DEPTH_LIMIT = 100

export interface ObjectMaskerOptions {
  readonly judge: KeyJudge
  readonly hideTopology: boolean
  readonly secretPaths: readonly string[]
  readonly text: (text: string) => string
  readonly error: (error: unknown) => AirlockError
}

/** What is known about the place of a value: whether its key (or a key above) is secret, and where it is below the
 * declared paths. */
interface Place {
  readonly hidden: 'no' | 'soft' | 'yes'
  readonly paths: readonly PathTree[]
  readonly above: readonly object[]
}

/** Copies values of any kind with all secrets masked. Getters are not called, proxies are not touched, cycles end. */
export class ObjectMasker {
  readonly #options: ObjectMaskerOptions
  readonly #paths: PathTree

  constructor(options: ObjectMaskerOptions) {
    this.#options = options
    this.#paths = parsePaths(options.secretPaths)
  }

  /** A masked copy. Plain data keeps its shape; Map, Set, Date and clean bytes keep their kind; instances of classes
   * become plain objects of their own data, or what their `toJSON` gives; errors become the fields of an AirlockError. */
  mask(value: unknown): unknown {
    return this.#copy(value, { hidden: this.#paths.secret ? 'yes' : 'no', paths: [this.#paths], above: [] })
  }

  #copy(value: unknown, place: Place): unknown {
    switch (typeof value) {
      case 'string':
        return this.#string(value, place)
      case 'number':
      case 'bigint':
        return this.#number(value, place)
      case 'boolean':
      case 'undefined':
        return value
      case 'symbol':
        return place.hidden === 'no' ? this.#options.text(String(value)) : MASK
      case 'function':
        return '[function]'
      default:
        return value === null ? null : this.#object(value as object, place)
    }
  }

  #string(value: string, place: Place): string {
    if (place.hidden === 'no') return this.#options.text(value)
    return isPlaceholder(value) ? value : MASK
  }

  #number(value: number | bigint, place: Place): unknown {
    if (place.hidden === 'yes') return MASK
    const text = String(value)
    return text.length >= 4 && this.#options.text(text) !== text ? MASK : value
  }

  #object(value: object, place: Place): unknown {
    if (types.isProxy(value)) return MASK
    if (place.above.includes(value)) return '[circular]'
    if (place.above.length >= DEPTH_LIMIT) return MASK
    const below = { ...place, above: [...place.above, value] }
    if (Array.isArray(value)) return this.#array(value, below)
    if (types.isBoxedPrimitive(value)) return this.#copy((value as { valueOf(): unknown }).valueOf(), place)
    if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return this.#bytes(value, place)
    if (types.isDate(value)) return place.hidden === 'yes' ? MASK : new Date(value.getTime())
    if (types.isRegExp(value)) return this.#string(String(value), place)
    if (types.isMap(value)) return this.#map(value, below)
    if (types.isSet(value)) return new Set([...Set.prototype.values.call(value)].map((item) => this.#copy(item, below)))
    if (types.isNativeError(value) || value instanceof Error) return this.#options.error(value).toJSON()
    if (isOpaque(value)) return '[object]'
    if (value instanceof URL || value instanceof URLSearchParams) return this.#string(String(value), place)
    if (value instanceof Headers) return this.#entries(value.entries(), below)
    return this.#record(value, below)
  }

  #array(value: readonly unknown[], place: Place): unknown[] {
    const copies: unknown[] = []
    for (let i = 0; i < value.length; i++) {
      const descriptor = Object.getOwnPropertyDescriptor(value, i)
      if (descriptor && !('value' in descriptor)) copies.push('[getter]')
      else copies.push(this.#copy(descriptor?.value, this.#below(place, String(i), 'public')))
    }
    return place.hidden === 'no' ? this.#asList(value, copies) : copies
  }

  /** A list of strings may be a command line or a list of header names and values: it is read as a whole too. */
  #asList(value: readonly unknown[], copies: unknown[]): unknown[] {
    if (value.length < 2 || !value.some((item) => typeof item === 'string' && this.#bindsNext(item))) return copies
    const joined: unknown = parse(
      this.#options.text(JSON.stringify(copies.map((copy) => (typeof copy === 'string' ? copy : null)))),
    )
    if (!Array.isArray(joined) || joined.length !== copies.length) {
      return copies.map((copy) => (typeof copy === 'string' ? MASK : copy))
    }
    return copies.map((copy, i) => (typeof copy === 'string' ? joined[i] : copy))
  }

  #bindsNext(item: string): boolean {
    return item.startsWith('-') || this.#verdict(item) === 'header' || this.#verdict(item) === 'secret'
  }

  #map(value: ReadonlyMap<unknown, unknown>, place: Place): Map<unknown, unknown> {
    const copy = new Map<unknown, unknown>()
    for (const [key, item] of Map.prototype.entries.call(value) as IterableIterator<[unknown, unknown]>) {
      const named = typeof key === 'string' ? key : ''
      copy.set(
        this.#copy(key, { ...place, hidden: 'no', paths: [] }),
        this.#copy(item, this.#below(place, named, this.#verdict(named))),
      )
    }
    return copy
  }

  #entries(entries: Iterable<readonly [string, string]>, place: Place): Record<string, unknown> {
    const copy: Record<string, unknown> = {}
    for (const [key, item] of entries)
      put(copy, this.#options.text(key), this.#copy(item, this.#below(place, key, this.#verdict(key))))
    return copy
  }

  #record(value: object, place: Place): unknown {
    const plain = toPlain(value)
    if (plain !== value) return this.#copy(plain, { ...place, above: place.above.slice(0, -1).concat(value) })
    const copy: Record<string, unknown> = {}
    const named = namedValue(value, (name) => this.#verdict(name))
    for (const key of Object.keys(value)) {
      const descriptor = Object.getOwnPropertyDescriptor(value, key)
      if (!descriptor) continue
      const verdict = named !== null && /^(?:value|val|secret_?value)$/i.test(key) ? named : this.#verdict(key)
      const shown = this.#options.text(key)
      if (!('value' in descriptor)) put(copy, shown, '[getter]')
      else if (typeof descriptor.value !== 'function')
        put(copy, shown, this.#copy(descriptor.value, this.#below(place, key, verdict)))
    }
    return copy
  }

  /** Bytes stay when no secret is in them, read as UTF-8, UTF-16 or Latin-1. */
  #bytes(value: ArrayBufferView | ArrayBufferLike, place: Place): unknown {
    if (place.hidden !== 'no') return MASK
    const bytes = ArrayBuffer.isView(value)
      ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
      : Buffer.from(value as ArrayBuffer)
    for (const encoding of ['utf8', 'utf16le', 'latin1'] as const) {
      const text = bytes.toString(encoding)
      if (this.#options.text(text) !== text) return MASK
    }
    return Buffer.isBuffer(value) ? Buffer.from(bytes) : new Uint8Array(bytes)
  }

  #verdict(key: string): KeyVerdict {
    const verdict = this.#options.judge.verdict(key)
    if (verdict !== 'topology') return verdict
    return this.#options.hideTopology ? 'secret' : 'public'
  }

  #below(place: Place, key: string, verdict: KeyVerdict): Place {
    const paths = place.paths.flatMap((path) => path.below(key))
    let hidden = place.hidden
    if (paths.some((path) => path.secret) || verdict === 'secret' || verdict === 'header') hidden = 'yes'
    else if (verdict === 'soft' && hidden === 'no') hidden = 'soft'
    return { hidden, paths, above: place.above }
  }
}

/** `{ name: 'DB_PASSWORD', value: 'x' }`: the verdict on the name holds for the value. */
function namedValue(value: object, verdict: (name: string) => KeyVerdict): KeyVerdict | null {
  for (const key of ['name', 'key', 'Name', 'Key', 'header']) {
    const name: unknown = Object.getOwnPropertyDescriptor(value, key)?.value
    if (typeof name === 'string' && verdict(name) !== 'public') return verdict(name)
  }
  return null
}

/** What an instance says it is as JSON; the instance itself when it says nothing or throws. */
function toPlain(value: object): unknown {
  const toJSON: unknown = findMethod(value, 'toJSON')
  if (typeof toJSON !== 'function') return value
  try {
    const plain: unknown = toJSON.call(value, '')
    return plain
  } catch {
    return MASK
  }
}

/** A data property of an object or of what it inherits from; getters are not called. */
function findMethod(value: object, name: string): unknown {
  for (
    let at: object | null = value;
    at !== null && !types.isProxy(at);
    at = Object.getPrototypeOf(at) as object | null
  ) {
    const descriptor = Object.getOwnPropertyDescriptor(at, name)
    if (descriptor) return descriptor.value
  }
  return undefined
}

function isOpaque(value: object): boolean {
  return (
    types.isPromise(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value) ||
    types.isGeneratorObject(value) ||
    types.isExternal(value)
  )
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return null
  }
}

/** Sets a property under a name that may be taken already (two keys can mask to the same) or be `__proto__`. */
function put(record: Record<string, unknown>, key: string, value: unknown): void {
  let name = key
  for (let n = 2; Object.hasOwn(record, name); n++) name = `${key}~${n}`
  Object.defineProperty(record, name, { value, enumerable: true, writable: true, configurable: true })
}
