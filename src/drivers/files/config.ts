import { z } from 'zod'
import { commonFields, file } from '../../core/config-fields.js'
import { columnType } from './column-types.js'

const MIB = 1024 * 1024

/** Settings of a folder of files. */
export const filesConfig = z.strictObject({
  root: file().describe('The folder that holds the files, relative to this file. Nothing outside of it is touched.'),
  format: z.enum(['csv', 'tsv', 'jsonl']).default('csv').describe('What the files hold; also their extension.'),
  compression: z
    .enum(['none', 'gzip', 'zstd'])
    .optional()
    .describe('By the extension (.gz, .zst) where left out. zstd needs Node 22.15 or later.'),
  header: z.boolean().default(true).describe('Whether the first line of CSV and TSV holds the names of the columns.'),
  delimiter: z
    .enum([',', ';', '\t', '|'])
    .optional()
    .describe('What separates the fields of CSV: a comma where left out. TSV has tabs.'),
  null_value: z
    .string()
    .max(16)
    .regex(/^[^"\r\n,;\t|]*$/)
    .default('')
    .describe('What an unquoted field holds that is NULL, e.g. \\N. By default an empty one; "" is empty text.'),
  columns: z
    .record(z.string().min(1), z.string())
    .default({})
    .superRefine((columns, context) => {
      for (const [name, type] of Object.entries(columns)) {
        if (columnType(type) === undefined) context.addIssue({ code: 'custom', path: [name], message: 'no such type' })
      }
    })
    .describe('Types of columns, e.g. `id: int64`; `orders.id: int64` for those of one table. The others are text.'),
  bytes: z.enum(['hex', 'base64']).default('hex').describe('How columns of type bytes are written.'),
  infer: z.boolean().default(false).describe('Whether the first rows decide the types that `columns` leaves open.'),
  infer_rows: z.int().min(1).max(100_000).default(1000).describe('How many rows are looked at for types and keys.'),
  max_row_bytes: z
    .int()
    .min(1024)
    .max(1024 * MIB)
    .default(64 * MIB)
    .describe('A longer row is refused.'),
  unescape_formulas: z
    .boolean()
    .default(false)
    .describe('Takes off the quote that `formulas: escape` puts in front of text when files are written.'),
  mode: z
    .string()
    .regex(/^0?[0-7]{3}$/)
    .optional()
    .describe('Permissions of files that are written, e.g. "0640"; those of the file that is replaced, or 0600.'),
  lock_timeout_ms: z
    .int()
    .min(0)
    .max(86_400_000)
    .default(60_000)
    .describe('How long a write waits for another one of the same file.'),
  connect_timeout_ms: commonFields.connect_timeout_ms,
  max_connections: commonFields.max_connections,
  read_only: commonFields.read_only,
})

export type FilesConfig = z.output<typeof filesConfig>
