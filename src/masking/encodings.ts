import { Buffer } from 'node:buffer'

/** One written form of a registered value. `alternative` has the same length and holds the other case of every letter
 * that may be written either way (the digits of an escape); elsewhere it equals `text`. */
export interface Form {
  readonly text: string
  readonly alternative: string
  /** A base64 core: the groups around it belong to the same secret. */
  readonly base64: boolean
}

const MIN_CORE = 6
const INSPECTED_BYTES = 50

const ALNUM = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
/** What the percent encoders of the field leave as it is. */
const KEPT_BY = {
  encodeURIComponent: "-_.!~*'()",
  rfc3986: '-_.~',
  formData: '*-._',
  encodeURI: "-_.!~*'();/?:@&=+$,#",
  whatwgUserinfo: "-_.!~*'()$&+,%",
  whatwgPath: "-_.!~*'()$&+,%;:@=/[]\\^|",
  whatwgQuery: '-_.!~*()$&+,%;:@=/?[]\\^|{}`',
  goUserinfo: '-_.~$&+,;=',
  pythonQuote: '-_.~/',
  nothing: '',
} as const

/** All forms in which a value of the strong tier is searched: raw, percent (ten encoders, also twice), JSON (once to
 * thrice, `\/`, `\u` for everything above ASCII, for everything, for HTML), XML, SQL, shell, C, hex, byte lists, and the
 * base64 and base64url cores at three offsets over UTF-8 and UTF-16LE. `few` is the shorter list of the short tier. */
export function formsOf(value: string, few: boolean): Form[] {
  const forms = new Map<string, Form>()
  const add = (text: string, alternative = text, base64 = false) => {
    if (text.length > 0 && !forms.has(text)) forms.set(text, { text, alternative, base64 })
  }
  const raws = new Set([value, value.normalize('NFC'), value.normalize('NFD')])
  for (const raw of raws) {
    add(raw)
    for (const text of percentForms(raw)) add(text, flipEscapes(text, /%(?:25)?[0-9A-F]{2}/g))
    for (const text of jsonForms(raw)) add(text, flipEscapes(text, /\\u[0-9a-f]{4}/g))
  }
  if (few) return [...forms.values()]
  for (const text of quotedForms(value)) add(text)
  for (const text of xmlForms(value)) add(text, flipEscapes(text, /&#x[0-9a-f]+;/g))
  for (const text of byteForms(value)) add(text, flipCase(text))
  for (const text of [value, JSON.stringify(value).slice(1, -1)]) {
    for (const core of base64Cores(text)) add(core, core, true)
  }
  return [...forms.values()]
}

/** Percent-encodes the UTF-8 bytes of a value. Lone surrogates become U+FFFD, as in every encoder of the platform. */
function percent(value: string, kept: string, space = '%20'): string {
  let text = ''
  for (const byte of Buffer.from(value, 'utf8')) {
    const char = String.fromCharCode(byte)
    if (byte === 0x20) text += kept.includes(' ') ? ' ' : space
    else if (byte < 128 && (kept.includes(char) || (kept !== '' && ALNUM.includes(char)))) text += char
    else text += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return text
}

function percentForms(value: string): Set<string> {
  const once = new Set(Object.values(KEPT_BY).map((kept) => percent(value, kept)))
  const form = percent(value, KEPT_BY.formData, '+')
  once.add(form)
  once.add(percent(value, KEPT_BY.rfc3986, '+'))
  once.add(percent(value, KEPT_BY.encodeURIComponent, '+'))
  const component = percent(value, KEPT_BY.encodeURIComponent)
  const strict = percent(value, KEPT_BY.rfc3986)
  return new Set([...once, ...[component, strict, form].map((text) => text.replaceAll('%', '%25'))])
}

function jsonForms(value: string): Set<string> {
  const escaped = (text: string) => JSON.stringify(text).slice(1, -1)
  const once = escaped(value)
  const forms = new Set<string>([once, once.replaceAll('/', '\\/')])
  const ascii = once.replace(/[^\x20-\x7e]/g, unicodeEscape)
  forms.add(ascii)
  forms.add(once.replace(/[<>&\u2028\u2029]/g, unicodeEscape))
  forms.add(ascii.replace(/[<>&'+]/g, unicodeEscape))
  forms.add(ascii.replace(/[<>&]/g, unicodeEscape))
  for (const text of [...forms]) {
    forms.add(escaped(text))
    forms.add(escaped(escaped(text)))
  }
  const every = value.replace(/[\s\S]/g, unicodeEscape)
  forms.add(every)
  forms.add(escaped(every))
  return forms
}

function unicodeEscape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** SQL, C, shell and the quoting of `util.inspect`. */
function quotedForms(value: string): string[] {
  const backslashed = value.replaceAll('\\', '\\\\')
  const lines = (text: string) => text.replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t')
  return [
    value.replaceAll("'", "''"),
    value.replaceAll('"', '""'),
    value.replaceAll('"', '\\"'),
    value.replaceAll("'", "\\'"),
    lines(backslashed),
    lines(backslashed.replaceAll("'", "\\'")),
    lines(backslashed.replaceAll("'", "\\'").replaceAll('"', '\\"')),
    lines(backslashed.replaceAll('`', '\\`')),
    backslashed.replaceAll("'", "''"),
    value.replaceAll("'", `'\\''`),
    value.replaceAll("'", `'"'"'`),
    value.replace(/["$`\\]/g, '\\$&'),
    value.replace(/[^A-Za-z0-9_@%+=:,./\-\u0080-\uffff]/g, '\\$&'),
    value.replaceAll('}', '}}'),
  ]
}

function xmlForms(value: string): string[] {
  const base = value.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  const angles = base.replaceAll('>', '&gt;')
  const quotes = angles.replaceAll('"', '&quot;')
  const points = [...value].map((char) => char.codePointAt(0)!)
  return [
    base,
    angles,
    quotes,
    ...["'", '&apos;', '&#39;', '&#039;', '&#x27;'].map((apostrophe) => quotes.replaceAll("'", apostrophe)),
    angles.replaceAll("'", '&apos;'),
    angles.replaceAll("'", '&#39;'),
    quotes.replaceAll('"', '&#34;').replaceAll("'", '&#39;'),
    points.map((point) => `&#${point};`).join(''),
    points.map((point) => `&#x${point.toString(16)};`).join(''),
  ]
}

/** The bytes of a value as hex in the spellings of the field and as decimal lists. What `util.inspect` prints of a long
 * Buffer (its first 50 bytes) is a form of its own. */
function byteForms(value: string): string[] {
  const bytes = [...Buffer.from(value, 'utf8')]
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, '0'))
  const shown = hex.slice(0, INSPECTED_BYTES)
  return [
    hex.join(''),
    shown.join(' '),
    hex.join(' '),
    hex.join(':'),
    hex.map((pair) => `\\x${pair}`).join(''),
    hex.map((pair) => `0x${pair}`).join(','),
    hex.map((pair) => `0x${pair}`).join(', '),
    bytes.join(','),
    bytes.join(', '),
    bytes.join(' '),
    Buffer.from(value, 'utf16le').toString('hex'),
  ]
}

/** The part of a base64 text that depends on the value alone, for a value that begins 0, 1 or 2 bytes after a group
 * boundary: with `k` zero bytes in front, the first 0, 2 or 3 characters and the last unfinished group are cut off. */
function base64Cores(value: string): Set<string> {
  const cores = new Set<string>()
  for (const bytes of [Buffer.from(value, 'utf8'), Buffer.from(value, 'utf16le')]) {
    for (const [offset, cut] of [
      [0, 0],
      [1, 2],
      [2, 3],
    ] as const) {
      const whole = Math.floor(((bytes.length + offset) * 8) / 6)
      const core = Buffer.concat([Buffer.alloc(offset), bytes])
        .toString('base64')
        .slice(cut, whole)
      if (core.length < MIN_CORE) continue
      cores.add(core)
      cores.add(core.replaceAll('+', '-').replaceAll('/', '_'))
    }
  }
  return cores
}

function flipEscapes(text: string, escapes: RegExp): string {
  return text.replace(escapes, (code) => flipCase(code).replace('U', 'u'))
}

function flipCase(text: string): string {
  return text.replace(/[A-Za-z]/g, (letter) =>
    letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
  )
}
