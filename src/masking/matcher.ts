import { type Automaton, buildAutomaton } from './automaton.js'
import type { LiveForm } from './registry.js'
import type { Rule } from './scan.js'
import { UnitReader } from './unit-reader.js'

const LIMITS = { cutLength: 10, tableBytes: 8 * 1024 * 1024 } as const
const BUCKET_LIMIT = 8
const INDEX_LENGTH = 24
const SHORT_TEXT = 64

/** The registered values that begin with the same few characters. A large bucket is indexed by a longer prefix, so that
 * values with a common beginning cost no more than others. */
export interface Bucket {
  readonly forms: readonly LiveForm[]
  readonly indexLength: number
  readonly index: ReadonlyMap<string, readonly LiveForm[]> | null
}

/** What ends at a row of the automaton: rules of an anchor, and values to compare. */
export interface Pattern {
  readonly length: number
  readonly rules: readonly Rule[]
  readonly bucket: Bucket | null
}

/** One immutable automaton over the anchors of all rules and the beginnings of all registered values. Values are in it
 * with a prefix only and are compared in exact case when it hits: that keeps a thousand secrets with all their forms in
 * one table of about 8 MB, without a second matcher beside it. */
export interface Matcher {
  readonly automaton: Automaton
  /** Scratch space of the pass that is running. */
  readonly reader: UnitReader
  /** By row. */
  readonly patterns: ReadonlyMap<number, Pattern>
}

export function buildMatcher(rules: readonly Rule[], forms: readonly LiveForm[]): Matcher {
  const anchors = rules.flatMap((rule) => rule.anchors.map((text) => ({ rule, text })))
  const automaton = buildAutomaton(
    anchors.map((anchor) => anchor.text),
    forms.map((form) => form.text),
    LIMITS,
  )
  const rulesAt = new Map<number, Set<Rule>>()
  anchors.forEach(({ rule }, i) => {
    const row = automaton.wholeRows[i]!
    rulesAt.set(row, (rulesAt.get(row) ?? new Set()).add(rule))
  })
  const formsAt = new Map<number, LiveForm[]>()
  forms.forEach((form, i) => {
    const known = formsAt.get(automaton.cutRows[i]!)
    if (known) known.push(form)
    else formsAt.set(automaton.cutRows[i]!, [form])
  })
  const patterns = new Map<number, Pattern>()
  for (const row of new Set([...rulesAt.keys(), ...formsAt.keys()])) {
    const values = formsAt.get(row)
    patterns.set(row, {
      length: automaton.depth[row]!,
      rules: [...(rulesAt.get(row) ?? [])],
      bucket: values ? indexed(values) : null,
    })
  }
  return { automaton, patterns, reader: new UnitReader() }
}

/** Whether a text is so short that looking at it is cheaper than a pass, and nothing ends anywhere in it. */
export function isQuiet({ automaton: { table, classes } }: Matcher, text: string): boolean {
  if (text.length > SHORT_TEXT || text.includes('\x1b')) return false
  let state = 0
  for (let i = 0; i < text.length; i++) {
    state = table[state + classes[text.charCodeAt(i)]!]!
    if (state < 0) return false
  }
  return true
}

function indexed(forms: readonly LiveForm[]): Bucket {
  if (forms.length <= BUCKET_LIMIT) return { forms, indexLength: 0, index: null }
  const indexLength = forms.reduce((least, form) => Math.min(least, form.text.length), INDEX_LENGTH)
  const index = new Map<string, LiveForm[]>()
  for (const form of forms) {
    const key = lowerAscii(form.text.slice(0, indexLength))
    const known = index.get(key)
    if (known) known.push(form)
    else index.set(key, [form])
  }
  return { forms, indexLength, index }
}

/** ASCII letters in lower case, everything else as it is (`toLowerCase` would change lengths). */
export function lowerAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
