import { z } from 'zod'

const limits = z.object({
  max_rows: z.int(),
  max_bytes: z.int(),
  max_cell: z.int(),
  timeout_seconds: z.int(),
  run_timeout_seconds: z.int(),
  max_concurrent: z.int(),
  max_queued: z.int(),
  pipeline_run: z.boolean(),
  http: z.object({
    host: z.string(),
    allowed_hosts: z.array(z.string()),
    allowed_origins: z.array(z.string()),
    token_sha256: z.array(z.string()),
    verifier: z.string().optional(),
    public_url: z.string().optional(),
    authorization_server: z.string().optional(),
  }),
})

/** What the server knows of the configuration: limits, names and folders, nothing that opens a connection. It is what the
 * command `airlock mcp policy` prints; the server never reads airlock.yaml itself. */
export const serverPolicy = z.object({
  /** Absolute paths. */
  config: z.string(),
  home: z.string(),
  audit: z.boolean(),
  telemetry: z.boolean(),
  memory: z.boolean(),
  connections: z.array(z.object({ name: z.string(), driver: z.string(), masked: z.array(z.string()) })),
  /** By the name that agents use. */
  pipelines: z.array(z.object({ name: z.string(), file: z.string() })),
  limits,
})

export type ServerPolicy = z.output<typeof serverPolicy>
