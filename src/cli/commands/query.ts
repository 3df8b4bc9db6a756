import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { formatType } from '../../core/column-type.js'
import type { QueryLimits, QueryResult } from '../../core/driver.js'
import { queryRefused } from '../../core/query-refusal.js'
import { AirlockError } from '../../errors/index.js'
import type { MaskedResult } from '../../run/mask-result.js'
import { explained, runQuery } from '../../run/query.js'
import { Workspace } from '../../run/workspace.js'
import type { Output } from '../output.js'
import { printable } from '../printable.js'
import type { CommandContext, GlobalOptions } from '../program.js'
import { formatTable } from '../table.js'
import { wholeNumber } from '../whole-number.js'

export interface QueryCommandOptions {
  readonly sqlFile: string
  readonly explain?: boolean
  readonly maxRows: string
  readonly maxBytes: string
  readonly maxCell: string
  readonly timeout: string
}

/** No statement is longer; what is behind it is not read. */
const LONGEST_FILE = 4 * 1024 * 1024 + 16
const MEBIBYTE = 1024 * 1024

/** `airlock query CONNECTION --sql-file F|-`: rows of one statement that only reads. */
export async function queryCommand(
  context: CommandContext,
  common: GlobalOptions,
  connection: string,
  options: QueryCommandOptions,
): Promise<void> {
  const { output, signal } = context
  const limits: QueryLimits = {
    rows: wholeNumber('--max-rows', options.maxRows, 1_000_000),
    bytes: wholeNumber('--max-bytes', options.maxBytes, 64 * MEBIBYTE),
    cellBytes: wholeNumber('--max-cell', options.maxCell, 16 * MEBIBYTE),
    timeoutMs: wholeNumber('--timeout', options.timeout, 3600) * 1000,
  }
  const written = await readStatement(options.sqlFile, signal)
  const sql = options.explain === true ? explained(written) : written
  await using workspace = await Workspace.open({ configFile: common.config, debug: common.debug === true })
  output.use(workspace.masker)
  const result = await runQuery(workspace, connection, sql, limits, signal)
  output.result(dataOf(result), formatRows(result, output), metaOf(result))
  if (result.truncated !== undefined) output.problem(`truncated: ${CUT[result.truncated]}`)
  if (result.roleCanWrite) {
    output.problem(
      `warning: the user of ${connection} may write; give queries a user who may only read (docs/discover-and-query.md)`,
    )
  }
}

const CUT = {
  rows: 'there are more rows than --max-rows',
  bytes: 'there are more rows than fit in --max-bytes',
  cells: 'values longer than --max-cell are cut',
} as const

function dataOf({ columns, rows, masked }: MaskedResult): unknown {
  return {
    columns: columns.map(({ name, type, sourceType }, at) => ({
      name,
      type: formatType(type),
      source_type: sourceType,
      masked: masked[at]!,
    })),
    rows,
  }
}

function metaOf({ rows, truncated, roleCanWrite }: QueryResult): Readonly<Record<string, unknown>> {
  return { rows: rows.length, truncated: truncated ?? null, role_can_write: roleCanWrite }
}

function formatRows({ columns, rows }: QueryResult, output: Output): string {
  if (columns.length === 0) return ''
  const cells = rows.map((row) => row.map((cell) => (cell === null ? 'NULL' : printable(cell))))
  const table = formatTable(
    columns.map(({ name }) => printable(name)),
    cells,
  )
  return `${table}\n${output.dim(`  ${rows.length} ${rows.length === 1 ? 'row' : 'rows'}`)}`
}

/** The statement, as UTF-8 with or without a byte order mark. Throws USAGE for a file that cannot be read, QUERY_REFUSED
 * for one that is no text. */
async function readStatement(file: string, signal: AbortSignal): Promise<string> {
  const stream: Readable = file === '-' ? process.stdin : createReadStream(file)
  const end = () => stream.destroy()
  signal.addEventListener('abort', end, { once: true })
  const chunks: Buffer[] = []
  try {
    let size = 0
    for await (const chunk of stream) {
      chunks.push(chunk as Buffer)
      size += (chunk as Buffer).length
      if (size > LONGEST_FILE) throw queryRefused('long')
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (error instanceof AirlockError) throw error
    throw new AirlockError('USAGE', { phase: 'config', params: { problem: 'the file of --sql-file cannot be read' } })
  } finally {
    signal.removeEventListener('abort', end)
  }
  if (signal.aborted) throw signal.reason
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch {
    throw queryRefused('characters')
  }
}
