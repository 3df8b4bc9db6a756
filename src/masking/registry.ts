import { stripAnsi } from './ansi.js'
import { type Form, formsOf } from './encodings.js'
import { type Tier, tierOf } from './tiers.js'

const IDLE_MS = 60_000
const LINE_LENGTH = 8
const LONGEST_VALUE = 65_536

/** Stands for one `add`. After `release` of the last handle the value stays masked for a while, since logs come late. */
export interface SecretHandle extends Disposable {
  release(): void
}

interface Entry {
  readonly tier: Tier
  readonly forms: readonly LiveForm[]
  holders: number
  idleSince: number
}

/** A form and the tier of the value that it belongs to. */
export interface LiveForm extends Form {
  readonly short: boolean
}

export interface RegistryCounts {
  readonly strong: number
  readonly short: number
  readonly weak: number
  readonly forms: number
}

/** The values that are secret right now. A value is registered with its derived forms; its lines, the leaves of a JSON
 * value and whatever `partsOf` finds in it (the password of a URL, the body of a key) are registered with it. Shows
 * nothing but counts. */
export class Registry {
  readonly #entries = new Map<string, Entry>()
  readonly #partsOf: (value: string) => readonly string[]
  readonly #now: () => number
  #version = 0
  #pending: LiveForm[] = []

  constructor(partsOf: (value: string) => readonly string[], now: () => number = Date.now) {
    this.#partsOf = partsOf
    this.#now = now
  }

  /** Grows with every change that the automaton does not know yet. */
  get version(): number {
    return this.#version
  }

  /** Forms added since `settle` was called last. */
  get pending(): readonly LiveForm[] {
    return this.#pending
  }

  /** Registers a value and all that follows from it. Blank values and values of the weak tier register nothing that
   * would be searched in text. */
  add(value: string): SecretHandle {
    const held = this.#valuesIn(value)
    for (const one of held) this.#hold(one)
    let live = true
    const release = () => {
      if (!live) return
      live = false
      for (const one of held) this.#release(one)
    }
    return { release, [Symbol.dispose]: release }
  }

  /** Whether a trimmed value is registered, in any tier. */
  has(value: string): boolean {
    return this.#entries.has(value.trim())
  }

  /** All live forms, for a new automaton; forgets values that have been idle for a minute, and the pending list. */
  settle(): LiveForm[] {
    const forms: LiveForm[] = []
    for (const [value, entry] of this.#entries) {
      if (entry.holders === 0 && this.#now() - entry.idleSince > IDLE_MS) this.#entries.delete(value)
      else for (const form of entry.forms) forms.push(form)
    }
    this.#pending = []
    return forms
  }

  counts(): RegistryCounts {
    const counts = { strong: 0, short: 0, weak: 0, forms: 0 }
    for (const entry of this.#entries.values()) {
      counts[entry.tier]++
      counts.forms += entry.forms.length
    }
    return counts
  }

  toJSON(): RegistryCounts {
    return this.counts()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    const { strong, short, weak, forms } = this.counts()
    return `Registry { strong: ${strong}, short: ${short}, weak: ${weak}, forms: ${forms} }`
  }

  #hold(value: string): void {
    const known = this.#entries.get(value)
    if (known) {
      known.holders++
      return
    }
    const tier = tierOf(value)
    const short = tier === 'short'
    const forms = tier === 'weak' ? [] : formsOf(value, short).map((form) => ({ ...form, short }))
    const entry: Entry = { tier, forms, holders: 1, idleSince: 0 }
    this.#entries.set(value, entry)
    if (forms.length === 0) return
    this.#pending.push(...forms)
    this.#version++
  }

  #release(value: string): void {
    const entry = this.#entries.get(value)
    if (!entry) return
    entry.holders--
    if (entry.holders === 0) entry.idleSince = this.#now()
  }

  #valuesIn(value: string): ReadonlySet<string> {
    const found = new Set<string>()
    const take = (text: string) => {
      const trimmed = text.trim()
      if (trimmed !== '' && trimmed.length <= LONGEST_VALUE) found.add(trimmed)
    }
    take(value)
    take(stripAnsi(value))
    if (/[\r\n]/.test(value))
      for (const line of value.split(/[\r\n]+/)) if (line.trim().length >= LINE_LENGTH) take(line)
    for (const leaf of jsonLeaves(value)) if (leaf.trim().length >= LINE_LENGTH) take(leaf)
    for (const part of this.#partsOf(value)) {
      take(part)
      const decoded = decodePercent(part)
      if (decoded !== null) take(decoded)
    }
    return found
  }
}

/** The strings in a value that is a JSON object or array. */
function jsonLeaves(value: string): string[] {
  if (!/^\s*[[{]/.test(value)) return []
  const leaves: string[] = []
  try {
    JSON.parse(value, (_key, leaf: unknown) => {
      if (typeof leaf === 'string') leaves.push(leaf)
      return leaf
    })
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return []
  }
  return leaves
}

function decodePercent(text: string): string | null {
  if (!text.includes('%')) return null
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (!(error instanceof URIError)) throw error
    return null
  }
}
