import { AirlockError } from '../../errors/index.js'
import type { Engine, EngineFacts, EngineName } from './engine.js'
import { adminOf, connectEngine } from './live-engine.js'

const SCHEMES: Record<EngineName, { readonly pattern: RegExp; readonly port: number }> = {
  mysql: { pattern: /^(mysql|mariadb):$/, port: 3306 },
  postgres: { pattern: /^postgres(ql)?:$/, port: 5432 },
}

/** An engine that somebody else runs, from `scheme://user:password@host:port/?ca=FILE&server_name=NAME`. The user must
 * be allowed to create databases and users. Throws DSN_REFUSED, without a word of the URL, when it is not like that. */
export async function attachUrl(engine: EngineName, url: string, variable: string): Promise<Engine> {
  const refused = (problem: string) => new AirlockError('DSN_REFUSED', { params: { at: variable, problem } })
  if (!URL.canParse(url)) throw refused('it cannot be parsed') // the URL constructor's error would quote it
  const parsed = new URL(url)
  if (!SCHEMES[engine].pattern.test(parsed.protocol)) throw refused('the scheme belongs to another engine')
  if (parsed.password === '') throw refused('it has no password')
  const facts: Omit<EngineFacts, 'version'> = {
    engine,
    origin: 'url',
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: parsed.port === '' ? SCHEMES[engine].port : Number(parsed.port),
    caFile: parsed.searchParams.get('ca') ?? undefined,
    serverName: parsed.searchParams.get('server_name') ?? undefined,
    admin: { user: decodeURIComponent(parsed.username), password: decodeURIComponent(parsed.password) },
    pid: undefined,
    logFile: undefined,
  }
  return connectEngine({ ...facts, version: await adminOf(facts).version() })
}
