import { randomInt } from 'node:crypto'

/** Letters and digits that make no word, no hex number and no part of a path. */
const ALPHABET = 'BGHJKLMNPQRSTVWXYZ23456789'
/** So much of a canary in a row is a leak, wherever it was cut. */
const FRAGMENT = 8

/** A text that occurs nowhere else: 20 random characters between the given head and tail, which may hold what encoders
 * change. */
export function canary(head = '', tail = ''): string {
  const core = Array.from({ length: 20 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')
  return `${head}${core}${tail}`
}

/** What must not turn up anywhere, by the name of what it is, and how to look for it: as it is, in part, and in every
 * form that an encoder on the way may give it. */
export class Canaries {
  readonly #forms = new Map<string, ReadonlySet<string>>()

  constructor(values: Readonly<Record<string, string>> = {}) {
    for (const [label, value] of Object.entries(values)) this.add(label, value)
  }

  add(label: string, value: string): this {
    this.#forms.set(label, formsOf(value))
    return this
  }

  /** These labels alone. */
  only(...labels: readonly string[]): Canaries {
    const chosen = new Canaries()
    for (const label of labels) {
      const forms = this.#forms.get(label)
      if (forms === undefined) throw new Error(`no canary ${label}`)
      chosen.#forms.set(label, forms)
    }
    return chosen
  }

  /** The labels of those that the text holds. */
  in(text: string): string[] {
    const lower = text.toLowerCase()
    return [...this.#forms]
      .filter(([, forms]) => [...forms].some((form) => lower.includes(form)))
      .map(([label]) => label)
  }
}

/** In lower case, as whatever is searched is: host names and hex change their case on the way. */
function formsOf(value: string): ReadonlySet<string> {
  const forms = new Set<string>([value])
  const percent = encodeURIComponent(value)
  forms.add(percent).add(percent.replaceAll('%20', '+'))
  let json = value
  for (let times = 0; times < 3; times++) {
    json = JSON.stringify(json).slice(1, -1)
    forms.add(json)
  }
  for (const encoding of ['utf8', 'utf16le'] as const) {
    const bytes = Buffer.from(value, encoding)
    forms.add(bytes.toString('hex'))
    for (let offset = 0; offset < 3; offset++) {
      const core = base64Core(bytes, offset)
      forms.add(core).add(core.replaceAll('+', '-').replaceAll('/', '_'))
    }
  }
  const core = /[A-Z2-9]{20}/.exec(value)?.[0] ?? ''
  for (let at = 0; at + FRAGMENT <= core.length; at++) forms.add(core.slice(at, at + FRAGMENT))
  return new Set([...forms].map((form) => form.toLowerCase()))
}

/** The base64 characters that depend on these bytes alone, when `offset` bytes of something else come before them. */
function base64Core(bytes: Uint8Array, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes])
    .toString('base64')
    .replace(/=+$/, '')
  const first = Math.ceil((offset * 8) / 6)
  return text.slice(first, Math.floor(((offset + bytes.length) * 8) / 6))
}
