import { isIP, isIPv6 } from 'node:net'
import { AirlockError } from '../../errors/index.js'
import { URL_PROBLEMS, type UrlProblem } from './url-problem.js'

export interface ConnectionHost {
  /** A host name, an IPv4 address, or an IPv6 address without brackets. Absent when `socketPath` is there. */
  readonly host?: string
  readonly port?: number
  /** An absolute path, written as a percent-encoded host (`%2Fvar%2Frun%2Fpostgresql`) as libpq does. */
  readonly socketPath?: string
}

/** A connection URL taken apart. Everything is percent-decoded; what the URL does not say is absent, never guessed. */
export interface ConnectionUrl extends ConnectionHost {
  /** All hosts in the order written; the first one is repeated in `host`, `port` and `socketPath`. */
  readonly hosts: readonly ConnectionHost[]
  readonly user?: string
  readonly password?: string
  readonly database?: string
  readonly params: Readonly<Record<string, string>>
}

export interface ConnectionUrlOptions {
  /** The schemes of the driver, in lower case and without `://`. */
  readonly schemes: readonly string[]
  readonly allowSeveralHosts?: boolean
}

/** Controls, line separators, the byte order mark, lone surrogates. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\uFEFF]/u

/** Reads the `url:` of a database connection (RFC 3986 with the raw characters in the password that every client
 * accepts: the last `@` ends it). Refuses, before any look-up or socket, whatever clients are known to read in two
 * ways or to obey silently: another dialect, parameters beyond a short list, raw `/ ? #` before an `@`, empty
 * credentials. Throws `DSN_REFUSED` with one of `URL_PROBLEMS`, which holds no part of the URL. */
export function parseConnectionUrl(dsn: string, options: ConnectionUrlOptions): ConnectionUrl {
  refuseIf(dsn.trim() === '', 'empty')
  refuseIf(dsn.trim() !== dsn, 'whitespace')
  refuseIf(CONTROL.test(dsn), 'control')
  refuseIf(/^jdbc:/i.test(dsn), 'jdbc')
  const scheme = /^([a-z][a-z\d+.-]{0,31}):\/\//i.exec(dsn)?.[1]?.toLowerCase()
  if (scheme === undefined) throw refusal(/^\w+\s*=/.test(dsn) ? 'keywords' : 'notUrl')
  refuseIf(!options.schemes.includes(scheme), 'scheme')

  const rest = dsn.slice(scheme.length + 3)
  const authorityEnd = rest.search(/[/?#]|$/)
  const authority = rest.slice(0, authorityEnd)
  const tail = rest.slice(authorityEnd)
  // Whether this @ or an earlier one ends the password cannot be known: 12/ab@h reads as port 12 to every client.
  refuseIf(tail.includes('@'), 'reserved')
  refuseIf(tail.includes('#'), 'fragment')
  refuseIf(/\s/.test(tail), 'whitespace')

  const at = authority.lastIndexOf('@')
  const hosts = parseHosts(authority.slice(at + 1))
  refuseIf(hosts.length > 1 && options.allowSeveralHosts !== true, 'severalHosts')
  const question = tail.indexOf('?')
  const path = question < 0 ? tail : tail.slice(0, question)
  const database = decode(path.slice(1))
  refuseIf(path.slice(1).includes('/'), 'database')
  return {
    ...hosts[0],
    hosts,
    ...(at < 0 ? {} : parseUserinfo(authority.slice(0, at))),
    ...(database === '' ? {} : { database }),
    params: question < 0 ? {} : parseParameters(tail.slice(question + 1)),
  }
}

function parseUserinfo(userinfo: string): { readonly user: string; readonly password?: string } {
  const colon = userinfo.indexOf(':')
  const user = colon < 0 ? userinfo : userinfo.slice(0, colon)
  refuseIf(user === '', 'emptyUser')
  if (colon < 0) return { user: decodeCredential(user) }
  const password = userinfo.slice(colon + 1)
  refuseIf(password === '', 'emptyPassword')
  return { user: decodeCredential(user), password: decodeCredential(password) }
}

/** Characters that RFC 3986 does not allow raw in userinfo, though every client takes them. */
const RAW_SPECIAL = /[^\w.~!$&'()*+,;=:%-]/

/** Someone who encoded the text would have encoded these too, and someone who did not meant the % literally. */
function decodeCredential(text: string): string {
  refuseIf(text.includes('%') && RAW_SPECIAL.test(text), 'mixed')
  return decode(text)
}

function parseHosts(text: string): ConnectionHost[] {
  refuseIf(text === '', 'noHost')
  return text.split(',').map(parseHost)
}

function parseHost(text: string): ConnectionHost {
  const parts = /^(\[[^\]]*\]|[^:[\]]*)(?::(.*))?$/s.exec(text)
  const name = parts?.[1]
  if (name === undefined) throw refusal('host')
  // An IPv6 address without brackets: which colon begins the port?
  refuseIf(parts?.[2]?.includes(':') === true, 'host')
  refuseIf(name === '', 'noHost')
  const port = parts?.[2]
  refuseIf(port !== undefined && !(/^[1-9]\d{0,4}$/.test(port) && Number(port) <= 65535), 'port')
  return { ...parseHostName(name), ...(port === undefined ? {} : { port: Number(port) }) }
}

function parseHostName(name: string): { readonly host: string } | { readonly socketPath: string } {
  if (name.startsWith('[')) {
    const address = name.slice(1, -1)
    refuseIf(address.includes('%') || !isIPv6(address), 'host')
    return { host: address }
  }
  if (/^%2f/i.test(name)) return { socketPath: decode(name) }
  // All-digit and 0x names are addresses in disguise to some resolvers.
  refuseIf(!/^[a-z\d_](?:[\w.-]*\w)?\.?$/i.test(name) || name.includes('..') || name.length > 253, 'host')
  refuseIf(/^(?:[\d.]+|0x.*)$/i.test(name) && isIP(name) === 0, 'host')
  return { host: name }
}

/** The parameters that a URL may carry, each with the values that are safe to honour. */
const PARAMETERS: ReadonlyMap<string, RegExp> = new Map([
  ['application_name', /^[\w .:-]{1,63}$/],
  ['connect_timeout', /^\d{1,5}$/],
  ['channel_binding', /^(?:prefer|require)$/],
  ['pgbouncer', /^(?:true|false)$/],
  ['sslmode', /^(?:require|verify-ca|verify-full)$/],
  ['ssl-mode', /^(?:REQUIRED|VERIFY_CA|VERIFY_IDENTITY)$/i],
])

function parseParameters(query: string): Readonly<Record<string, string>> {
  const params: Record<string, string> = {}
  if (query === '') return params
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=')
    const name = decode(equals < 0 ? pair : pair.slice(0, equals))
    const allowed = PARAMETERS.get(name)
    if (allowed === undefined || equals < 0) throw refusal('parameter')
    refuseIf(Object.hasOwn(params, name), 'parameterTwice')
    const value = decode(pair.slice(equals + 1))
    refuseIf(!allowed.test(value), name.startsWith('ssl') ? 'tls' : 'parameter')
    params[name] = value
  }
  return params
}

/** Percent-decoding without the leniency of clients: every % counts, the bytes are UTF-8, no control comes out. */
function decode(text: string): string {
  if (!text.includes('%')) return text
  let decoded: string
  try {
    decoded = decodeURIComponent(text)
  } catch {
    throw refusal('percent')
  }
  refuseIf(CONTROL.test(decoded), 'control')
  return decoded
}

function refusal(problem: UrlProblem): AirlockError {
  return new AirlockError('DSN_REFUSED', { phase: 'config', params: { at: 'url', problem: URL_PROBLEMS[problem] } })
}

function refuseIf(condition: boolean, problem: UrlProblem): void {
  if (condition) throw refusal(problem)
}
