import type { Driver } from '../core/define-driver.js'
import { parseConnectionUrl } from '../masking/dsn/index.js'
import { Secret } from '../masking/index.js'

type Settings = Readonly<Record<string, unknown>>

/** What two connections to one server with one user have in common, in no form to be shown; undefined for what is no
 * server. */
export function serverOf(driver: Driver, settings: Settings): string | undefined {
  const endpoints = driver.endpoints(settings)
  if (endpoints.length === 0) return undefined
  const places = endpoints.map((one) => (one.kind === 'unix' ? one.path : `${one.host.toLowerCase()}:${one.port}`))
  return JSON.stringify([places.sort(), addressOf(driver, settings).user])
}

/** How many sessions of a connection may be open at one time. */
export function connectionLimit(settings: Settings): number {
  const limit = settings['max_connections']
  return typeof limit === 'number' ? limit : 1
}

/** What a connection's `url` or its fields say. */
export function addressOf(driver: Driver, settings: Settings): { readonly user?: string; readonly database?: string } {
  const { url, user, database } = settings
  if (url instanceof Secret) {
    return parseConnectionUrl(String(url.reveal()), { schemes: driver.spec.urlSchemes, allowSeveralHosts: true })
  }
  return {
    ...(typeof user === 'string' ? { user } : {}),
    ...(typeof database === 'string' ? { database } : {}),
  }
}
