import { types } from 'node:util'
import type { AirlockError } from '../errors/index.js'
import type { KeyJudge, KeyVerdict } from './keys.js'
import { isPlaceholder, MASK } from './placeholders.js'
import { type PathTree, parsePaths } from './secret-paths.js'

const DEPTH_LIMIT = 100
const VALUE_KEY = /^(?:value|val|secret_?value)$/i

export interface ObjectMaskerOptions {
  readonly judge: KeyJudge
  readonly hideTopology: boolean
  readonly secretPaths: readonly string[]
  readonly text: (text: string) => string
  readonly error: (error: unknown) => AirlockError
  readonly count: (rule: string) => void
}

/** What is known about the place of a value: whether its key (or a key above) is secret, and where it is below the
 * declared paths. */
interface Place {
  readonly hidden: 'no' | 'soft' | 'yes'
  readonly paths: readonly PathTree[]
  readonly above: Ancestors | null
}

/** The objects that a value is in, nearest first. */
interface Ancestors {
  readonly object: object
  readonly depth: number
  readonly above: Ancestors | null
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
    return this.#copy(value, {
      hidden: this.#paths.secret ? 'yes' : 'no',
      paths: this.#paths.isEmpty ? [] : [this.#paths],
      above: null,
    })
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
    if (isAmong(value, place.above)) return '[circular]'
    const depth = (place.above?.depth ?? 0) + 1
    if (depth > DEPTH_LIMIT) return MASK
    const below = { hidden: place.hidden, paths: place.paths, above: { object: value, depth, above: place.above } }
    if (Array.isArray(value)) return this.#array(value, below)
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === null || prototype === Object.prototype) return this.#plain(value, below)
    return this.#instance(value, place, below)
  }

  #instance(value: object, place: Place, below: Place): unknown {
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
    const said = findMethod(value, 'toJSON')
    return typeof said === 'function' ? this.#copy(this.#say(value, said), below) : this.#record(value, below)
  }

  #plain(value: object, below: Place): unknown {
    const said: unknown = Object.getOwnPropertyDescriptor(value, 'toJSON')?.value
    return typeof said === 'function' ? this.#copy(this.#say(value, said), below) : this.#record(value, below)
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
    const copy: Record<string, unknown> = {}
    let masked = false
    for (const key of Object.keys(value)) {
      const descriptor = Object.getOwnPropertyDescriptor(value, key)
      if (!descriptor) continue
      const named = VALUE_KEY.test(key) ? namedValue(value, (name) => this.#verdict(name)) : null
      const verdict = named ?? this.#verdict(key)
      const shown = this.#options.text(key)
      masked ||= shown !== key
      if (typeof descriptor.value === 'function') continue
      const shownValue =
        'value' in descriptor ? this.#copy(descriptor.value, this.#below(place, key, verdict)) : '[getter]'
      if (masked || key === '__proto__') put(copy, shown, shownValue)
      else copy[key] = shownValue
    }
    return copy
  }

  /** What an object says it is as JSON; masked whole when it throws instead. */
  #say(value: object, toJSON: unknown): unknown {
    try {
      return Reflect.apply(toJSON as () => unknown, value, [''])
    } catch {
      this.#options.count('object-threw')
      return MASK
    }
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
    if (place.paths.length === 0 && (verdict === 'public' || place.hidden === 'yes')) return place
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

function isAmong(value: object, ancestors: Ancestors | null): boolean {
  for (let at = ancestors; at !== null; at = at.above) if (at.object === value) return true
  return false
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
