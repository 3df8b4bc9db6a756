import { isPlaceholder } from '../placeholders.js'
import { type Found, isBlank, isQuote, isWord, lower, type Rule, type Scan } from '../scan.js'
import { bareEnd, quotedEnd, runEnd } from './terminators.js'

/** How the programs of a family take a password. `glued`: `-psecret`; `next`: `-p secret`; `login`: `-u user:secret`. */
const FAMILIES: Readonly<Record<string, Readonly<Record<string, 'glued' | 'next' | 'login'>>>> = {
  mysql: { p: 'glued' },
  curl: { b: 'next', u: 'login', U: 'login', user: 'login', 'proxy-user': 'login' },
  http: { a: 'login' },
  redis: { a: 'next' },
  sshpass: { p: 'next' },
  mongo: { p: 'next' },
  docker: { p: 'next' },
  sqlcmd: { P: 'next' },
  ldap: { w: 'next' },
  smb: { U: 'login' },
}

/** An option further than this behind the last one belongs to no command. */
const OPTION_DISTANCE = 512

/** The programs, by the beginning of their names. */
const PROGRAMS: readonly (readonly [string, string])[] = [
  ['mysql', 'mysql'],
  ['mariadb', 'mysql'],
  ['mycli', 'mysql'],
  ['mydumper', 'mysql'],
  ['myloader', 'mysql'],
  ['xtrabackup', 'mysql'],
  ['innobackupex', 'mysql'],
  ['percona', 'mysql'],
  ['pt-', 'mysql'],
  ['curl', 'curl'],
  ['http', 'http'],
  ['https', 'http'],
  ['redis-', 'redis'],
  ['valkey-', 'redis'],
  ['sshpass', 'sshpass'],
  ['mongo', 'mongo'],
  ['docker login', 'docker'],
  ['podman login', 'docker'],
  ['helm registry login', 'docker'],
  ['sqlcmd', 'sqlcmd'],
  ['bcp', 'sqlcmd'],
  ['ldap', 'ldap'],
  ['smbclient', 'smb'],
]

/** Notes which program a command line belongs to. */
export const programRule: Rule = {
  id: 'command',
  anchors: PROGRAMS.map(([name]) => name),
  find: (scan, start, end) => {
    if (!beginsCommand(scan, start)) return null
    const name = scan.slice(start, end).toLowerCase()
    const family = PROGRAMS.find(([prefix]) => prefix === name)?.[1]
    const stop = scan.skip(end, end + 32, (c) => isWord(c) || c === 0x2d || c === 0x2e)
    const next = scan.at(stop)
    if (scan.open || family === undefined) return null
    if (isBlank(next) || isQuote(next) || next === 0x2c || next === 0x5c) scan.notes.command = { family, end: stop }
    return null
  },
}

/** `-psecret` after a program of the mysql family, `-u user:secret` after curl, and their like. */
export const optionRule: Rule = {
  id: 'command-option',
  anchors: [...new Set(Object.values(FAMILIES).flatMap((options) => Object.keys(options)))].flatMap((option) => {
    return option.length > 1 ? `--${option}` : `-${option}`
  }),
  find: (scan, start, end) => {
    const before = scan.behind(start)
    if (!isBlank(before) && !isQuote(before)) return null
    const command = commandOf(scan, start)
    if (command === null) return null
    const dashes = scan.at(start + 1) === 0x2d ? 2 : 1
    const kind = FAMILIES[command.family]?.[scan.slice(start + dashes, end)]
    if (kind === undefined) return null
    if (kind === 'glued') return glued(scan, end)
    const from = nextArgument(scan, end, dashes)
    if (from === null) return null
    return kind === 'login' ? login(scan, from) : argument(scan, from)
  },
}

/** The program whose line goes on to a position: no line break since its name, or only one behind a backslash. */
function commandOf(scan: Scan, position: number): { readonly family: string } | null {
  const { command } = scan.notes
  if (command === null) return null
  let i = command.end
  if (position - i < OPTION_DISTANCE) while (i < position && (scan.at(i) !== 0x0a || scan.at(i - 1) === 0x5c)) i++
  if (i < position) scan.notes.command = null
  else command.end = position
  return scan.notes.command
}

function glued(scan: Scan, from: number): Found | null {
  const c = scan.at(from)
  if (c === -1 || c <= 0x20 || c === 0x2c || c === 0x2d) return null
  if (isQuote(c) && (scan.at(from + 1) === 0x2c || scan.at(from + 1) === -1 || isBlank(scan.at(from + 1)))) return null
  return argument(scan, from)
}

/** Start of the argument after an option: after blanks, `=`, or the `","` of a list of arguments. */
function nextArgument(scan: Scan, end: number, dashes: number): number | null {
  const next = scan.at(end)
  if (isBlank(next) || (dashes === 2 && next === 0x3d)) return scan.skip(end + 1, end + 9, isBlank)
  if (isQuote(next)) {
    const comma = scan.skip(end + 1, end + 9, isBlank)
    if (scan.at(comma) !== 0x2c) return null
    const quote = scan.skip(comma + 1, comma + 9, isBlank)
    return isQuote(scan.at(quote)) ? quote : null
  }
  return isWord(next) && dashes === 1 ? end : null
}

function argument(scan: Scan, from: number): Found | null {
  const c = scan.at(from)
  if (c === -1 || c <= 0x20 || c === 0x2d) return null
  if (isQuote(c)) return unlessShown(scan, { start: from + 1, until: quotedEnd(c, 0, 1, false, from) })
  return unlessShown(scan, { start: from, until: bareEnd('word') })
}

/** `user:secret`: the user stays. */
function login(scan: Scan, from: number): Found | null {
  const quote = scan.at(from)
  const start = isQuote(quote) ? from + 1 : from
  const colon = scan.skip(start, start + 128, (c) => c > 0x20 && c !== 0x3a && c !== 0x25 && !isQuote(c))
  if (scan.at(colon) !== 0x3a && scan.at(colon) !== 0x25) return null
  if (scan.at(colon + 1) <= 0x20 || scan.at(colon + 1) === quote) return null
  const until = start > from ? quotedEnd(quote, 0, 1, false, from) : bareEnd('word')
  return unlessShown(scan, { start: colon + 1, until })
}

function unlessShown(scan: Scan, found: Found): Found | null {
  const stop = scan.skip(found.start, found.start + 130, (c) => c > 0x20 && !isQuote(c) && c !== 0x5c)
  const shown = scan.slice(found.start, stop)
  return shown.startsWith('***') || isPlaceholder(shown) ? null : found
}

/** At the start of a word, and not in the middle of a path of another kind: `/usr/bin/mysql` counts, `a.mysql` does not. */
function beginsCommand(scan: Scan, start: number): boolean {
  const before = scan.behind(start)
  if (before === 0x2f || before === 0x5c) return true
  return before !== 0x2e && before !== 0x2d && before !== 0x40 && scan.startsWord(start)
}

/** `Bearer x` and `Basic x` without a header name. `Basic` counts when what follows decodes to `user:password`. */
export const schemeRule: Rule = {
  id: 'auth-scheme',
  anchors: ['bearer ', 'basic '],
  find: (scan, start, end) => {
    if (!scan.startsWord(start)) return null
    const from = scan.skip(end, end + 8, isBlank)
    const isToken = (c: number) =>
      isWord(c) || c === 0x2d || c === 0x2e || c === 0x7e || c === 0x2b || c === 0x2f || c === 0x3d
    const stop = scan.skip(from, from + 4096, isToken)
    const token = scan.slice(from, stop)
    const basic = lower(scan.at(start + 1)) === 0x61
    if (basic ? !decodesToLogin(token) : !looksRandom(token)) return null
    return { start: from, from: stop, until: runEnd(isToken) }
  },
}

function decodesToLogin(token: string): boolean {
  if (token.length < 4 || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(token)) return false
  return /^[\x20-\x7e]*:[\x20-\x7e]*$/.test(Buffer.from(token, 'base64').toString('latin1'))
}

function looksRandom(token: string): boolean {
  return token.length >= 16 && (/\d/.test(token) || /[a-z][A-Z]/.test(token) || token.length >= 32)
}
