import { z } from 'zod'
import { AirlockError } from '../../errors/index.js'
import type { Answer } from '../tool.js'

const column = z.object({ name: z.string(), type: z.string(), source_type: z.string() })
/** A value: exact as text, or as what JSON can say of it without loss. */
const cell = z.union([z.string(), z.number(), z.boolean(), z.null()])

/** Rows of a statement with their types. */
export const queryOutput = z.object({
  connection: z.string(),
  columns: z.array(column.extend({ masked: z.boolean().describe('The values are masked.') })),
  rows: z.array(z.array(cell)).describe('Values in the order of `columns`.'),
  row_count: z.int(),
  truncated: z
    .enum(['rows', 'bytes', 'cells'])
    .nullable()
    .describe('What was cut: further rows by max_rows or by bytes, or long values; null for a whole answer.'),
  role_can_write: z
    .boolean()
    .describe('The user of the connection could write; the operator should give it a read-only one.'),
})

const answered = z.object({
  columns: z.array(column.extend({ masked: z.boolean() })),
  rows: z.array(z.array(z.string().nullable())),
})
const described = z.object({
  truncated: z.enum(['rows', 'bytes', 'cells']).nullable(),
  role_can_write: z.boolean(),
})

/** The rows that `airlock query` gave, typed. Throws CHILD_FAILED for an answer that is none. */
export function queryResult(connection: string, { data, meta }: Answer): z.output<typeof queryOutput> {
  const found = answered.safeParse(data)
  const about = described.safeParse(meta)
  if (!found.success || !about.success) throw new AirlockError('CHILD_FAILED', { phase: 'query' })
  const { columns, rows } = found.data
  return {
    connection,
    columns,
    rows: rows.map((row) => row.map((value, at) => typed(value, columns[at]))),
    row_count: rows.length,
    truncated: about.data.truncated,
    role_can_write: about.data.role_can_write,
  }
}

/** Whole numbers of up to 32 bits and booleans as such; everything else as its exact text. */
function typed(
  value: string | null,
  column: { readonly type: string; readonly masked: boolean } | undefined,
): z.output<typeof cell> {
  if (value === null || column === undefined || column.masked) return value
  if (column.type === 'boolean' && (value === 't' || value === 'f')) return value === 't'
  if (/^int(?:8|16|32)$/.test(column.type) && /^-?\d{1,10}$/.test(value)) return Number(value)
  return value
}
