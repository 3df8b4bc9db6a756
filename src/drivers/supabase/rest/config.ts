import { z } from 'zod'
import { commonFields, secret, topology } from '../../../core/config-fields.js'
import { AirlockError } from '../../../errors/index.js'
import { projectRef } from '../config.js'

/** Settings of the REST channel of a Supabase project, or of any PostgREST. */
export const supabaseRestConfig = z
  .strictObject({
    ...commonFields,
    project_ref: projectRef().optional(),
    rest_url: topology().optional(),
    key: secret(),
    primary_keys: z.record(z.string(), z.array(z.string().min(1)).min(1)).default({}),
    page_rows: z.int().min(1).max(100_000).default(1000),
    max_response_bytes: z
      .int()
      .min(1024)
      .max(1 << 30)
      .default(1 << 26),
  })
  .refine((config) => (config.project_ref === undefined) !== (config.rest_url === undefined), {
    path: ['project_ref'],
    error: 'give either `project_ref` or `rest_url`',
  })

export type SupabaseRestConfig = z.output<typeof supabaseRestConfig>

/** Where the API listens. */
export interface RestAddress {
  readonly secure: boolean
  readonly host: string
  readonly port: number
  /** What every path begins with, without a slash at its end. */
  readonly base: string
}

/** Scheme, host, port and path: no credentials, no query. */
const REST_URL =
  /^(https?):\/\/([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::([1-9]\d{0,4}))?((?:\/[\w.~-]+)*)\/?$/i

/** The address of a project's API. Throws CONFIG_INVALID for a `rest_url` that says more or less than that. */
export function restAddress({ project_ref: ref, rest_url: url }: SupabaseRestConfig): RestAddress {
  if (url === undefined) return { secure: true, host: `${ref}.supabase.co`, port: 443, base: '/rest/v1' }
  const [, scheme, host, port, base] = REST_URL.exec(url) ?? []
  if (scheme === undefined || host === undefined || Number(port ?? 1) > 65_535) {
    throw invalid('rest_url', 'write https://host[:port][/path], without user, password and parameters')
  }
  const secure = scheme.toLowerCase() === 'https'
  return { secure, host: host.replace(/^\[|\]$/g, ''), port: Number(port ?? (secure ? 443 : 80)), base: base ?? '' }
}

export function invalid(at: string, problem: string): AirlockError {
  return new AirlockError('CONFIG_INVALID', { phase: 'config', params: { at, problem } })
}
