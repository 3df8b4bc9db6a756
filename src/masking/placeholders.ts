/** The one mask text. It says nothing about what it hides, and no rule matches it. */
export const MASK = '***'

const MARKER =
  '(?:\\*{3,}|[xX]{4,}|[•●█]{3,}|(?:redacted|masked|hidden|filtered|removed|omitted|secret|sensitive|scrubbed|censored|not shown))'
const PLACEHOLDER = new RegExp(
  `^(?:${[
    `[[(<{]?${MARKER}(?:[:\\s][\\w .-]{0,32})?[\\])>}]?`,
    '\\$\\{[^{}\\n]{0,120}\\}',
    '\\$\\{\\{[^{}\\n]{0,120}\\}\\}',
    '\\$\\([A-Za-z_]\\w{0,63}\\)',
    '\\$[A-Z_][A-Z0-9_]{1,63}',
    '\\{\\{[^{}\\n]{0,120}\\}\\}',
    '\\{[A-Za-z_][\\w.]{0,63}\\}',
    '%[A-Za-z_]\\w{0,63}%',
    '%\\([A-Za-z_]\\w{0,63}\\)s',
    '<[A-Za-z][\\w .:/-]{0,63}>',
    '\\[(?:secret|object|circular|function)[\\w: .-]{0,63}\\]',
    'null|none|nil|undefined|\\.{3}|…',
  ].join('|')})$`,
  'i',
)
const SHORT_MARKERS = /^\[?(?:secret|hidden|removed|masked|filtered|sensitive|not shown)$/i

/** Whether a value only stands for a secret (`***`, `[REDACTED]`, `${VAR}`, `{{ x }}`, `%VAR%`, `<token>`, null, empty)
 * and is therefore left as it is. A bare word such as `hidden` is a value like any other: only a marker in brackets,
 * `redacted` and runs of mask characters count. */
export function isPlaceholder(value: string): boolean {
  const text = value.trim()
  if (text === '') return true
  if (text.length > 160 || SHORT_MARKERS.test(text)) return false
  return PLACEHOLDER.test(text)
}

/** Words that stand where a value would stand, in messages such as `using password: YES` or in type declarations. */
const NO_VALUES: ReadonlySet<string> = new Set(
  `yes no true false on off ok set unset empty blank none null nil undefined missing required optional invalid valid
  incorrect correct wrong expired rejected failed failure accepted changed updated rotated revoked denied must should
  is was are has cannot can not too at please string str text varchar char boolean bool number int integer bigint any
  unknown object bytes bytea buffer binary uuid json jsonb self this type field`.split(/\s+/),
)

/** Whether an unquoted word after `key:` is prose or a type, not a value. */
export function isProse(word: string): boolean {
  return NO_VALUES.has(word.toLowerCase().replace(/[!?.,;:]+$|\[\]$/g, ''))
}

/** Whether a word goes on in prose whatever follows it. */
export function isModal(word: string): boolean {
  return /^(?:must|should|cannot|can|may|is|was|are|has|does|not|too|at|please)$/i.test(word)
}

/** Whether an unquoted value is a truth value, which says nothing. */
export function isTruthValue(word: string): boolean {
  return /^(?:true|false|yes|no|on|off)$/i.test(word)
}
