import { COMMON_WORDS } from './common-words.js'

/** How far a registered value is searched. `strong`: anywhere, in every derived form. `short`: as a whole word, in few
 * forms. `weak`: not as a word at all, since it would blank ordinary text; the rules hide it in the places where
 * credentials stand. */
export type Tier = 'strong' | 'short' | 'weak'

const STRONG_LENGTH = 8
const SHORT_LENGTH = 4

/** The tier of a trimmed value: strong from 8 UTF-16 units on, short from 4 to 7, weak below that, for common words,
 * and for what is no value at all (a run of asterisks; a few symbols without a letter or digit). */
export function tierOf(value: string): Tier {
  if (value.length < SHORT_LENGTH || COMMON_WORDS.has(value.toLowerCase()) || /^\*+$/.test(value)) return 'weak'
  if (value.length >= STRONG_LENGTH) return 'strong'
  return /[\p{L}\p{N}]/u.test(value) ? 'short' : 'weak'
}
