import { z } from 'zod'
import { errorOfChild } from '../agent-error.js'
import type { Envelope } from '../envelope.js'
import { defineTool } from '../tool.js'
import { requireConnection } from './allowed.js'
import { connectionField, errorFields } from './fields.js'

const STEPS = ['dns', 'tcp', 'tls', 'auth', 'query', 'privileges'] as const
const step = z.enum(['ok', 'failed', 'not reached', 'off'])

const checked = z.object({
  connection: z.string(),
  endpoint: z.string().nullable(),
  ok: z.boolean(),
  milliseconds: z.int(),
  steps: z.object(Object.fromEntries(STEPS.map((name) => [name, step])) as Record<(typeof STEPS)[number], typeof step>),
  warnings: z.array(z.string()),
  error: z.object({ code: z.string(), origin: z.string().optional(), ref: z.string() }).nullable(),
})

const answered = z.object({ connections: z.array(checked) })

/** Opens a connection step by step, as `airlock check` does. What fails is a result, not an error. */
export const connectionsCheck = defineTool({
  name: 'connections_check',
  title: 'Check a connection',
  description:
    'Opens a connection step by step (dns, tcp, tls, auth, query, privileges) and says which step fails and what to do. Reads no data.',
  input: z.strictObject({ connection: connectionField }),
  output: z.object({
    connection: z.string(),
    ok: z.boolean(),
    endpoints: z.array(checked.omit({ connection: true }).extend({ error: errorFields.nullable() })),
  }),
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  about: ({ connection }) => ({ connection }),
  async run({ connection }, { state, tryCli }) {
    requireConnection(state, connection)
    const envelope = await tryCli({ args: ['check'], operands: [connection] })
    const found = answered.safeParse(envelope.data)
    if (!found.success) throw failureOf(envelope)
    const endpoints = found.data.connections.map(({ connection: _, error, ...rest }) => ({
      ...rest,
      error: error === null ? null : knownError(error),
    }))
    const ok = endpoints.every((one) => one.ok)
    const failed = endpoints.flatMap(({ error }) =>
      error === null ? [] : [`${error.code}: ${error.message} ${error.hint}`],
    )
    return {
      data: { connection, ok, endpoints },
      summary: ok ? `${connection} can be opened.` : [`${connection} cannot be opened.`, ...failed].join('\n'),
      outcome: { ok },
    }
  },
})

function failureOf(envelope: Envelope): unknown {
  return envelope.ok ? new Error('no check') : errorOfChild(envelope)
}

function knownError(error: { readonly code: string; readonly origin?: string | undefined; readonly ref: string }) {
  const { code, message, hint, ref } = errorOfChild({ ok: false, data: null, error: error as never })
  return { code, message, hint, ref }
}
