import { unlessAborted } from '../../../core/bounded.js'
import { AirlockError } from '../../../errors/index.js'
import { Secret } from '../../../masking/secret.js'
import type { GraphqlAuth } from '../config.js'

/** How long before its end a token is replaced. */
const EARLY_MS = 30_000

/** Sends a form to the token endpoint and gives the text of its answer. */
export type AskForToken = (headers: Readonly<Record<string, string>>, body: string) => Promise<string>

interface Token {
  readonly secret: Secret<string>
  /** By `performance.now()`. */
  readonly until: number
}

/** The headers that a connection proves itself with. Secrets stay in `Secret` until a request needs them. */
export class Authenticator {
  readonly #auth: GraphqlAuth | undefined
  readonly #ask: AskForToken
  #token: Token | undefined
  #pending: Promise<Token> | undefined

  /** Throws CONFIG_INVALID for a credential that no header can hold. */
  constructor(auth: GraphqlAuth | undefined, ask: AskForToken) {
    this.#auth = auth
    this.#ask = ask
    if (auth?.type === 'bearer') printable('auth.token', auth.token)
    if (auth?.type === 'api_key') printable('auth.key', auth.key)
  }

  /** Headers for one request. Rejects with what the token endpoint answered, where there is one. */
  async headers(signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    const auth = this.#auth
    switch (auth?.type) {
      case undefined:
        return {}
      case 'bearer':
        return { authorization: `Bearer ${auth.token.reveal()}` }
      case 'api_key':
        return { [auth.header.toLowerCase()]: auth.key.reveal() }
      case 'basic':
        return { authorization: basic(auth.user, auth.password.reveal()) }
      case 'oauth2':
        return { authorization: `Bearer ${(await this.#current(auth, signal)).secret.reveal()}` }
    }
  }

  /** Whether asking again with another token may help, after the server refused these headers. */
  refused(headers: Readonly<Record<string, string>>): boolean {
    if (this.#auth?.type !== 'oauth2') return false
    // Another request may have got a new one meanwhile.
    const current = this.#token
    if (current !== undefined && headers['authorization'] === `Bearer ${current.secret.reveal()}`)
      this.#token = undefined
    return true
  }

  async #current(auth: GraphqlAuth & { type: 'oauth2' }, signal: AbortSignal): Promise<Token> {
    if (this.#token !== undefined && performance.now() < this.#token.until) return this.#token
    // One request for all that wait. It is not theirs to abort, and bounded by whoever sends it.
    this.#pending ??= this.#fetch(auth).finally(() => {
      this.#pending = undefined
    })
    return await unlessAborted(
      signal,
      this.#pending,
      () => undefined,
      () => signal.reason as Error,
    )
  }

  /** Client credentials, RFC 6749 section 4.4. */
  async #fetch(auth: GraphqlAuth & { type: 'oauth2' }): Promise<Token> {
    const form = new URLSearchParams({ grant_type: 'client_credentials' })
    if (auth.scope !== undefined) form.set('scope', auth.scope)
    if (auth.audience !== undefined) form.set('audience', auth.audience)
    const headers: Record<string, string> = {
      'content-type': 'application/x-www-form-urlencoded',
      accept: 'application/json',
    }
    if (auth.client_auth === 'body') {
      form.set('client_id', auth.client_id)
      form.set('client_secret', auth.client_secret.reveal())
    } else {
      // Both parts are form-encoded first (section 2.3.1).
      headers['authorization'] = basic(encoded(auth.client_id), encoded(auth.client_secret.reveal()))
    }
    this.#token = readToken(await this.#ask(headers, form.toString()))
    return this.#token
  }
}

function readToken(text: string): Token {
  const refuse = () => new AirlockError('PROTOCOL_ERROR', { phase: 'connect' })
  let answer: { readonly access_token?: unknown; readonly token_type?: unknown; readonly expires_in?: unknown } | null
  try {
    answer = JSON.parse(text) as typeof answer
  } catch {
    throw refuse()
  }
  const { access_token: token, token_type: type = 'bearer', expires_in: seconds } = answer ?? {}
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) throw refuse()
  if (String(type).toLowerCase() !== 'bearer') throw refuse()
  const lasts = Number(seconds)
  const ms = seconds === undefined || !(lasts > 0) ? Number.POSITIVE_INFINITY : lasts * 1000
  // A token that lasts less than twice the margin is used for half of its time.
  return { secret: new Secret(token, 'access token'), until: performance.now() + Math.max(ms - EARLY_MS, ms / 2) }
}

function printable(at: string, secret: Secret<string>): void {
  if (/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(secret.reveal())) return
  const problem = 'it holds a line break or a character beyond ASCII, or begins or ends with a blank'
  throw new AirlockError('CONFIG_INVALID', { phase: 'config', params: { at, problem } })
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`
}

function encoded(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1)
}
