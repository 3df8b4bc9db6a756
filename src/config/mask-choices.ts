import type { MaskChoice, MaskChoices } from '../core/mask-batches.js'
import { parseRuleName } from '../masking/columns/rule-name.js'
import { type FieldPath, formatPlace, type PlaceMap } from './place.js'

/** Masks as a file has them: a rule, nothing (YAML's `null`, which is a rule too), or a rule with a domain. */
export type WrittenMasks = Readonly<
  Record<string, string | null | { readonly rule: string | null; readonly domain?: string | undefined }>
>

/** The masks of a file, checked: every rule is one that exists. Throws CONFIG_INVALID at the field. */
export function masksOf(file: PlaceMap, at: FieldPath, written: WrittenMasks): MaskChoices {
  const choices = Object.entries(written).map(([column, choice]): [string, MaskChoice] => {
    const { rule, domain } = typeof choice === 'object' && choice !== null ? choice : { rule: choice }
    const text = rule ?? 'null'
    parseRuleName(text, formatPlace(file, [...at, column]))
    return [column, domain === undefined ? text : { rule: text, domain }]
  })
  return Object.fromEntries(choices)
}
