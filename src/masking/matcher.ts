import { type Automaton, buildAutomaton, countClasses, countStates } from './automaton.js'
import type { LiveForm } from './registry.js'
import type { Rule } from './scan.js'

const TABLE_LIMIT = 16 * 1024 * 1024
/** Lengths of the prefixes by which values are found; the longest that fits into the table is taken. */
const PREFIX_LENGTHS = [10, 8, 7, 6, 5, 4, 3] as const
const BUCKET_LIMIT = 8
const INDEX_LENGTH = 24

/** The registered values that begin with the same few characters. A large bucket is indexed by a longer prefix, so that
 * values with a common beginning cost no more than others. */
export interface Bucket {
  readonly forms: readonly LiveForm[]
  readonly indexLength: number
  readonly index: ReadonlyMap<string, readonly LiveForm[]> | null
}

/** What ends where the automaton reports a hit: rules of an anchor, and values to compare. */
export interface Pattern {
  readonly length: number
  readonly rules: readonly Rule[]
  readonly bucket: Bucket | null
}

/** One immutable automaton over the anchors of all rules and the beginnings of all registered values. Values are in it
 * with a prefix only and are compared in exact case when it hits: that keeps a thousand secrets with all their forms in
 * one table of at most 16 MB, without a second matcher beside it. */
export interface Matcher {
  readonly automaton: Automaton
  readonly patterns: readonly Pattern[]
}

export function buildMatcher(rules: readonly Rule[], forms: readonly LiveForm[]): Matcher {
  const anchors = new Map<string, Set<Rule>>()
  for (const rule of rules) {
    for (const anchor of rule.anchors) {
      const key = anchor.toLowerCase()
      anchors.set(key, (anchors.get(key) ?? new Set()).add(rule))
    }
  }
  const prefixLength = fittingLength([...anchors.keys()], forms)
  const buckets = new Map<string, LiveForm[]>()
  for (const form of forms) {
    const key = lowerAscii(form.text.slice(0, prefixLength))
    const bucket = buckets.get(key)
    if (bucket) bucket.push(form)
    else buckets.set(key, [form])
  }
  const texts = [...new Set([...anchors.keys(), ...buckets.keys()])]
  const patterns = texts.map((text) => {
    const bucket = buckets.get(text)
    return { length: text.length, rules: [...(anchors.get(text) ?? [])], bucket: bucket ? indexed(bucket) : null }
  })
  return { automaton: buildAutomaton(texts), patterns }
}

function fittingLength(anchors: readonly string[], forms: readonly LiveForm[]): number {
  const texts = forms.map((form) => form.text)
  const classes = countClasses([...anchors, ...texts])
  for (const length of PREFIX_LENGTHS) {
    const prefixes = [...new Set(texts.map((text) => lowerAscii(text.slice(0, length))))]
    if (countStates([...anchors, ...prefixes]) * classes * 4 <= TABLE_LIMIT) return length
  }
  return PREFIX_LENGTHS.at(-1)!
}

function indexed(forms: readonly LiveForm[]): Bucket {
  if (forms.length <= BUCKET_LIMIT) return { forms, indexLength: 0, index: null }
  const indexLength = Math.min(INDEX_LENGTH, ...forms.map((form) => form.text.length))
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
