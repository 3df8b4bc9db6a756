import { z } from 'zod'

const text = () => z.string().min(1)
const whole = (least: number, most: number) => z.int().min(least).max(most)

/** What queries of one connection may show: masks by column, `column` or `table.column` in any case, with the rules of
 * pipelines. */
export const queryPolicy = z.strictObject({
  mask: z
    .record(text(), z.union([text(), z.null(), z.strictObject({ rule: z.union([text(), z.null()]), domain: text() })]))
    .default({})
    .describe('Column → rule, as in a pipeline; `table.column` for one table only.'),
})

export type QueryPolicy = z.output<typeof queryPolicy>

const http = z.strictObject({
  host: text().default('127.0.0.1').describe('Address to listen on; any but loopback needs bearer tokens.'),
  allowed_hosts: z.array(text()).default([]).describe('Host names, without ports, that requests may be made to.'),
  allowed_origins: z.array(text()).default([]).describe('Host names of web pages that may make requests.'),
  token_sha256: z
    .array(z.string().regex(/^[0-9a-f]{64}$/))
    .default([])
    .describe('SHA-256, in hex, of each bearer token that is taken.'),
  verifier: text()
    .optional()
    .describe(
      'A module whose export `verifyAccessToken(token)` says what a bearer token stands for; relative to this file.',
    ),
  public_url: z.url().optional().describe('Under which address clients reach the server, for its metadata.'),
  authorization_server: z.url().optional().describe('The issuer of the tokens, for the metadata.'),
})

/** What agents may do, and how much. */
export const mcpPolicy = z.strictObject({
  connections: z.array(text()).optional().describe('Connections that agents may see; all where left out.'),
  pipelines: z.array(text()).default([]).describe('Pipeline files that agents may plan, relative to this file.'),
  pipeline_run: z.boolean().default(false).describe('Whether agents may run them, after a plan.'),
  max_rows: whole(1, 100_000).default(200).describe('Rows of one answer.'),
  max_bytes: whole(1, 8 * 2 ** 20)
    .default(256 * 1024)
    .describe('Bytes of all values of one answer.'),
  max_cell: whole(1, 2 ** 20)
    .default(4096)
    .describe('Bytes of one value.'),
  timeout_seconds: whole(1, 600).default(30).describe('Of a call, but for runs.'),
  run_timeout_seconds: whole(1, 86_400).default(3600).describe('Of a run.'),
  max_concurrent: whole(1, 64).default(4).describe('Commands at one time.'),
  max_queued: whole(0, 10_000).default(256).describe('Calls that may wait for one; further ones are refused.'),
  http: http.prefault({}),
})

export type McpPolicy = z.output<typeof mcpPolicy>

/** Notes that are kept for later, each with the consent of a person. */
export const memoryPolicy = z.strictObject({
  enabled: z.boolean().default(true),
  max_note_bytes: whole(1, 2 ** 20)
    .default(8192)
    .describe('Bytes of one note.'),
  max_notes: whole(1, 10_000).default(100).describe('Notes of one session.'),
  max_sessions: whole(1, 100_000).default(1000).describe('Sessions.'),
})

export type MemoryPolicy = z.output<typeof memoryPolicy>
