import { Secret } from '../../masking/index.js'
import type { JobConnection, JobFrame } from '../jobs/job.js'

/** Host → headers that the platform adds to requests to it. Secret. */
export type InjectedHeaders = Readonly<Record<string, Readonly<Record<string, string>>>>

/** Takes the tokens of HTTPS sources out of a job, for the platform to add them to each request outside of the sandbox
 * (https://e2b.dev/docs, network rules). What cannot be a header of every request stays: OAuth2 fetches its tokens itself. */
export function injectHeaders(frame: JobFrame): { readonly frame: JobFrame; readonly headers: InjectedHeaders } {
  const headers: Record<string, Readonly<Record<string, string>>> = {}
  const without = (connection: JobConnection): JobConnection => {
    const found = headerOf(connection)
    if (found === undefined) return connection
    for (const host of Object.keys(connection.addresses ?? {})) headers[host] = { ...headers[host], ...found }
    const { auth: _, ...settings } = connection.settings
    return { ...connection, settings }
  }
  return { frame: { ...frame, source: without(frame.source), target: without(frame.target) }, headers }
}

function headerOf({ driver, settings }: JobConnection): Readonly<Record<string, string>> | undefined {
  const { auth, endpoint } = settings as { readonly auth?: Auth; readonly endpoint?: unknown }
  if (driver !== 'graphql' || auth === undefined || !String(endpoint).startsWith('https://')) return undefined
  if (auth.type === 'bearer') return { Authorization: `Bearer ${text(auth.token)}` }
  if (auth.type === 'api_key') return { [auth.header]: text(auth.key) }
  if (auth.type !== 'basic') return undefined
  return { Authorization: `Basic ${Buffer.from(`${auth.user}:${text(auth.password)}`).toString('base64')}` }
}

type Auth =
  | { readonly type: 'bearer'; readonly token: unknown }
  | { readonly type: 'api_key'; readonly header: string; readonly key: unknown }
  | { readonly type: 'basic'; readonly user: string; readonly password: unknown }
  | { readonly type: 'oauth2' }

function text(secret: unknown): string {
  return secret instanceof Secret ? String(secret.reveal()) : String(secret)
}
