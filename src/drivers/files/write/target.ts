import type { Column } from '../../../core/batch.js'
import type { WriteOutline, WritePlan } from '../../../core/driver.js'
import { suggest } from '../../../core/suggest.js'
import { AirlockError } from '../../../errors/index.js'
import type { FilesConfig } from '../config.js'
import { unsupported } from '../errors.js'
import { fileFields, type OpenFile } from '../read/file-shape.js'
import type { FoundFile, Root } from '../root.js'
import { type FileName, fileNames, printablePath } from '../table-file.js'
import type { WrittenColumn } from './row-encoder.js'

/** What a write finds, and what it will do. */
export interface WriteTarget {
  readonly name: FileName
  readonly existing: FoundFile | undefined
  /** In the order of the file. */
  readonly columns: readonly WrittenColumn[]
  readonly drift: readonly string[]
}

/** The existing file of a target that is not empty, opened for reading. Its owner closes it. */
export async function openExisting(root: Root, existing: FoundFile): Promise<OpenFile & AsyncDisposable> {
  const handle = await root.read(existing)
  return {
    name: existing.name,
    handle,
    size: (await handle.stat()).size,
    [Symbol.asyncDispose]: () => handle.close(),
  }
}

/** Looks at the target and compares it with the stream. Throws SCHEMA_MISMATCH where the stream does not fit an existing
 * file, UNSUPPORTED for a contract that files cannot keep, FILE_REFUSED and FILE_INVALID for the file. */
export async function findTarget(
  root: Root,
  config: FilesConfig,
  plan: WritePlan,
  columns: readonly Column[],
  signal: AbortSignal,
): Promise<WriteTarget> {
  const contract = plan.contract ?? 'freeze'
  if (contract !== 'freeze' && contract !== 'evolve') throw unsupported(`files have no contract ${contract}`)
  const names = fileNames(plan.table, config)
  const existing = await root.find(names)
  const name = existing?.name ?? names[0]!
  const all = columns.map((column, index): WrittenColumn => ({ name: column.name, from: { column, index } }))
  const drift: string[] = []
  if (existing === undefined || existing.stats.size === 0) return { name, existing, columns: all, drift }
  if (plan.mode === 'replace' && contract === 'evolve') return { name, existing, columns: all, drift }
  await using file = await openExisting(root, existing)
  const fields = await fileFields(file, config, signal)
  if (fields.length === 0) return { name, existing, columns: all, drift }
  if (name.format !== 'jsonl' && !config.header) {
    if (fields.length === columns.length) return { name, existing, columns: all, drift }
    throw mismatch(`the file has ${fields.length} columns, and the stream has ${columns.length}`)
  }
  for (const column of columns) {
    if (fields.includes(column.name)) continue
    if (contract === 'freeze') throw mismatch(`the file has no column ${column.name}${suggest(column.name, fields)}`)
    if (name.format !== 'jsonl') throw unsupported('a column cannot be added to the rows of a file; replace it')
    drift.push(`${column.name}: new; the rows before have no such key`)
  }
  for (const field of fields) {
    if (!all.some((column) => column.name === field)) drift.push(`${field}: not in the stream; new rows have NULL`)
  }
  if (name.format === 'jsonl') return { name, existing, columns: all, drift }
  return { name, existing, columns: fields.map((field) => written(field, all)), drift }
}

/** For plans. */
export function outlineTarget(target: WriteTarget, plan: WritePlan, config: FilesConfig): WriteOutline {
  const path = printablePath(target.name)
  const copies = plan.mode === 'append' && target.existing !== undefined
  return {
    targetExists: target.existing !== undefined,
    statements: [
      ...(copies ? [`copy ${path} to a temporary file beside it`] : ['create a temporary file beside the target']),
      `write the rows as ${target.name.format}${target.name.compression === 'none' ? '' : `, ${target.name.compression}`}`,
      `rename it to ${path}`,
    ],
    columnTypes: Object.fromEntries(
      target.columns.map(({ name, from }) => [name, formOf(from?.column, target, config)]),
    ),
    notes: [
      'readers see the old file until the new one is complete; other writers of the file wait',
      ...(copies ? ['the rows that are there are copied: it needs as much space again'] : []),
    ],
    drift: target.drift,
  }
}

function formOf(column: Column | undefined, target: WriteTarget, config: FilesConfig): string {
  const kind = column?.type.kind ?? 'text'
  if (kind === 'bytes') return config.bytes
  if (target.name.format !== 'jsonl') return 'text'
  if (kind === 'boolean' || kind === 'json') return kind
  return /^(u?int|decimal|float)/.test(kind) ? 'number' : 'string'
}

function written(name: string, all: readonly WrittenColumn[]): WrittenColumn {
  return { name, from: all.find((column) => column.name === name)?.from }
}

function mismatch(problem: string): AirlockError {
  return new AirlockError('SCHEMA_MISMATCH', { phase: 'plan', params: { problem } })
}
