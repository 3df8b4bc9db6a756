import { z } from 'zod'

/** What a name may not hold: characters that nobody can see. */
const VISIBLE = /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+$/u

/** The name of a connection, as `connections_list` gives it. */
export const connectionField = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_-]{0,62}$/)
  .describe('Name of a connection, from connections_list.')

/** A name that a database knows. */
export function nameField(description: string): z.ZodString {
  return z.string().min(1).max(256).regex(VISIBLE).describe(description)
}

/** The name of a pipeline, as the operator calls it. */
export const pipelineField = z
  .string()
  .regex(/^[\w][\w .-]{0,62}$/)
  .describe('Name of a pipeline that the operator lets agents see.')

export const streamsField = z
  .array(nameField('Name of a stream.'))
  .min(1)
  .max(100)
  .optional()
  .describe('Only these streams; all where left out.')

export const statementField = z
  .string()
  .min(1)
  .max(100_000)
  .describe('One statement in the dialect of the connection: SELECT, WITH, VALUES, TABLE, SHOW, EXPLAIN or DESCRIBE.')

/** A column of a table. */
export const tableColumn = z.object({
  name: z.string(),
  type: z.string(),
  source_type: z.string(),
  nullable: z.boolean(),
  key_position: z.int(),
})

/** One table as `airlock discover` describes it. */
export const discoveredTable = z.object({
  schema: z.string().nullable(),
  name: z.string(),
  kind: z.string(),
  columns: z.array(tableColumn),
  primary_key: z.array(z.string()),
  unique_keys: z.array(z.array(z.string())),
  foreign_keys: z.array(
    z.object({
      columns: z.array(z.string()),
      schema: z.string().nullable(),
      table: z.string(),
      references: z.array(z.string()),
    }),
  ),
  estimated_rows: z.number().nullable(),
  estimated_bytes: z.number().nullable(),
})

export type DiscoveredTable = z.output<typeof discoveredTable>

/** Parts of an error that a result may carry for one of several things. */
export const errorFields = z.object({ code: z.string(), message: z.string(), hint: z.string(), ref: z.string() })
