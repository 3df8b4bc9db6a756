import type { Transform } from 'node:stream'
import type { AirlockError } from '../errors/index.js'
import { type ErrorContext, sanitizeError } from './error-layer.js'
import { KeyJudge } from './keys.js'
import { buildMatcher, isQuiet, type Matcher } from './matcher.js'
import { ObjectMasker } from './object-walk.js'
import { Pass } from './pass.js'
import { MASK } from './placeholders.js'
import { type LiveForm, Registry, type RegistryCounts, type SecretHandle } from './registry.js'
import { allRules } from './rules/all.js'
import type { Rule } from './scan.js'
import { Secret } from './secret.js'
import { type ChunkMasker, chunkMasker, maskStream } from './stream.js'
import { byteMatcher, ValueSearch } from './value-search.js'

export interface MaskerOptions {
  /** Values to hide from the start on. */
  readonly secrets?: readonly string[]
  /** JSON pointers (RFC 6901) of secret values in objects; a segment `*` stands for any name or index. */
  readonly secretPaths?: readonly string[]
  /** Hosts, ports, users and databases are secret too. */
  readonly hideTopology?: boolean
}

export interface MaskerStats {
  /** Masked spans per rule id, since the masker was made. */
  readonly spans: Readonly<Record<string, number>>
  readonly values: RegistryCounts
}

/** How many forms may wait for the next automaton while text is searched for each of them. */
const PENDING_LIMIT = 256
const SETTLE_MS = 50

/** Hides secrets in text, objects, streams and errors. Registered values are found in every derived form, everything
 * else by rules. A value is masked from the moment `add` returns, in streams that are already open too. Masking never
 * throws because of what it is given. */
export interface Masker {
  /** Registers a value. It stays hidden until the handle is released and a minute has passed. */
  add(value: string | Secret<string>): SecretHandle
  /** The text with every secret replaced by `***`; linear in the text, whatever the number of secrets. */
  text(text: string): string
  /** A copy of any value in which secrets are masked: by key, by `secretPaths`, and in every string. */
  value(value: unknown): unknown
  /** A transform over bytes or strings whose output is the masked text of the whole. */
  stream(): Transform
  /** The same as plain calls. */
  chunks(): ChunkMasker
  /** Looks for the registered values in bytes that arrive in pieces, in all their forms. */
  search(): ValueSearch
  /** A new error with text from the table only; of the old one at most a known code is kept, as `origin`. */
  error(error: unknown, context?: ErrorContext): AirlockError
  stats(): MaskerStats
}

/** Makes a masker. See `Masker` for what it does; `MaskerOptions` for what it can be told beforehand. */
export function createMasker(options: MaskerOptions = {}): Masker {
  return new LiveMasker(options)
}

class LiveMasker implements Masker {
  readonly #rules: readonly Rule[]
  readonly #registry: Registry
  readonly #objects: ObjectMasker
  readonly #spans = new Map<string, number>()
  /** For values that hold other secrets: the rules without topology, which finds less precisely. */
  readonly #bareRules: readonly Rule[]
  #bare: Matcher | undefined
  #matcher: Matcher | undefined
  #matcherVersion = -1
  #values: Matcher | undefined
  #valuesVersion = -1
  #addedAt = 0

  constructor(options: MaskerOptions) {
    const judge = new KeyJudge()
    this.#bareRules = allRules(judge, false)
    this.#rules = options.hideTopology ? allRules(judge, true) : this.#bareRules
    this.#registry = new Registry((value) => this.#partsOf(value))
    this.#objects = new ObjectMasker({
      judge,
      hideTopology: options.hideTopology ?? false,
      secretPaths: options.secretPaths ?? [],
      text: (text) => this.text(text),
      error: (error) => this.error(error),
      count: this.#count,
    })
    for (const secret of options.secrets ?? []) this.add(secret)
  }

  add(value: string | Secret<string>): SecretHandle {
    const handle = this.#registry.add(value instanceof Secret ? value.reveal() : value)
    this.#addedAt = performance.now()
    return handle
  }

  text(text: string): string {
    const { matcher, pending } = this.#current()
    if (pending.length === 0 && isQuiet(matcher, text)) return text
    return new Pass(matcher, this.#count).end(text, pending)
  }

  value(value: unknown): unknown {
    return this.#objects.mask(value)
  }

  stream(): Transform {
    return maskStream(this.chunks())
  }

  chunks(): ChunkMasker {
    let matcher = this.#settled()
    const pass = new Pass(matcher, this.#count)
    return chunkMasker(pass, () => {
      if (this.#matcherVersion === this.#registry.version && matcher === this.#matcher) return
      matcher = this.#settled()
      pass.replace(matcher)
    })
  }

  search(): ValueSearch {
    if (this.#values === undefined || this.#valuesVersion !== this.#registry.version) {
      this.#valuesVersion = this.#registry.version
      this.#values = byteMatcher(this.#registry.settle())
    }
    return new ValueSearch(this.#values)
  }

  error(error: unknown, context?: ErrorContext): AirlockError {
    return sanitizeError(error, context)
  }

  stats(): MaskerStats {
    return { spans: Object.fromEntries(this.#spans), values: this.#registry.counts() }
  }

  readonly #count = (rule: string): void => {
    this.#spans.set(rule, (this.#spans.get(rule) ?? 0) + 1)
  }

  /** The automaton, brought up to date. */
  #settled(): Matcher {
    if (this.#matcher === undefined || this.#matcherVersion !== this.#registry.version) {
      this.#matcherVersion = this.#registry.version
      this.#matcher = buildMatcher(this.#rules, this.#registry.settle())
    }
    return this.#matcher
  }

  /** While values keep arriving the automaton is not rebuilt for each of them: a few forms are searched one by one. */
  #current(): { readonly matcher: Matcher; readonly pending: readonly LiveForm[] } {
    const { pending } = this.#registry
    const settling =
      pending.length > 0 && pending.length <= PENDING_LIMIT && performance.now() - this.#addedAt <= SETTLE_MS
    if (this.#matcher !== undefined && settling) return { matcher: this.#matcher, pending }
    return { matcher: this.#settled(), pending: [] }
  }

  /** What the rules hide in a value: the password in a URL, the body of a key, the secret in a connection string. */
  #partsOf(value: string): string[] {
    if (!/[:=\s]/.test(value)) return []
    this.#bare ??= buildMatcher(this.#bareRules, [])
    return new Pass(this.#bare, () => undefined)
      .spans(value)
      .map((span) => value.slice(span.start, span.end))
      .filter((part) => part !== value && part !== MASK)
  }
}
