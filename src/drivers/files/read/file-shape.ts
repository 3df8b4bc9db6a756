import type { FileHandle } from 'node:fs/promises'
import type { Column } from '../../../core/batch.js'
import { formatType, type LogicalType } from '../../../core/column-type.js'
import { suggest } from '../../../core/suggest.js'
import { AirlockError } from '../../../errors/index.js'
import { columnType } from '../column-types.js'
import { decompressed } from '../compression.js'
import type { FilesConfig } from '../config.js'
import { invalidFile } from '../errors.js'
import { type FileName, stemOf } from '../table-file.js'
import { fileChunks } from './file-chunks.js'
import { CsvSample, JsonSample, type Sample } from './file-sample.js'
import { RecordFeed } from './record-feed.js'
import type { ReadColumn } from './row-decoder.js'

/** What a file holds: its fields in their order, and a column for each. */
export interface FileShape {
  readonly fields: readonly string[]
  readonly columns: readonly ReadColumn[]
}

/** An open file and how long it was when it was opened. */
export interface OpenFile {
  readonly name: FileName
  readonly handle: FileHandle
  readonly size: number
}

/** The byte that separates the fields of a file. */
export function delimiterOf(name: FileName, config: FilesConfig): number {
  return (name.format === 'tsv' ? '\t' : (config.delimiter ?? ',')).charCodeAt(0)
}

/** Reads the beginning of a file: names and types of its columns. Throws FILE_INVALID for a file without a beginning, names
 * that are empty or doubled, COLUMN_NOT_FOUND for a type that is declared for a column of this table that it does not have. */
export async function fileShape(file: OpenFile, config: FilesConfig, signal: AbortSignal): Promise<FileShape> {
  const declared = declaredTypes(file.name, config)
  const sample = await sampled(file, config, signal)
  const fields = namesOf(file.name, config, sample, declared)
  return {
    fields,
    columns: fields.map((name, field) => {
      const type = declared.types.get(name)
      const inferred = type === undefined && config.infer && file.name.format !== 'jsonl'
      return {
        column: columnOf(name, type ?? sample.typeOf(field)),
        field,
        declared: type !== undefined || inferred,
      }
    }),
  }
}

/** The names of the fields alone, whatever is declared of them; empty for a file with nothing in it. Throws FILE_INVALID. */
export async function fileFields(file: OpenFile, config: FilesConfig, signal: AbortSignal): Promise<readonly string[]> {
  const sample = await sampled(file, { ...config, infer: false }, signal)
  return sample.fields.length === 0 ? [] : namesOf(file.name, config, sample, { types: new Map(), own: [] })
}

async function sampled(file: OpenFile, config: FilesConfig, signal: AbortSignal): Promise<Sample> {
  const sample = sampleOf(file.name, config)
  const feed = new RecordFeed(sample, config.max_row_bytes)
  const bytes = fileChunks(file.handle, { size: file.size, signal, fresh: true })
  for await (const chunk of decompressed(bytes, file.name.compression)) {
    feed.push(chunk)
    if (sample.done) break
  }
  if (!sample.done) feed.end()
  return sample
}

interface Declared {
  readonly types: ReadonlyMap<string, LogicalType>
  /** Those that were declared for this table by its name. */
  readonly own: readonly string[]
}

/** The types that the connection declares for one table: `orders.id` goes before `id`. */
function declaredTypes(file: FileName, { columns }: FilesConfig): Declared {
  const table = stemOf(file)
  const prefixes = [`${[...file.folders, table].join('.')}.`, `${table}.`]
  const types = new Map<string, LogicalType>()
  const own: string[] = []
  for (const [key, text] of Object.entries(columns)) {
    const prefix = prefixes.find((candidate) => key.startsWith(candidate) && key.length > candidate.length)
    const name = prefix === undefined ? key : key.slice(prefix.length)
    // A name with a dot may be that of another table's column.
    if (prefix === undefined && (key.includes('.') || own.includes(name))) continue
    if (prefix !== undefined) own.push(name)
    types.set(name, columnType(text)!)
  }
  return { types, own }
}

function sampleOf(name: FileName, config: FilesConfig): Sample {
  if (name.format === 'jsonl') return new JsonSample({ rows: config.infer_rows, infer: config.infer })
  return new CsvSample({
    delimiter: delimiterOf(name, config),
    header: config.header,
    rows: config.infer ? config.infer_rows : config.header ? 0 : 1,
    nullWord: config.null_value,
  })
}

function namesOf(file: FileName, config: FilesConfig, sample: Sample, declared: Declared): readonly string[] {
  let { fields } = sample
  // A declared key may come later, or in no row at all.
  if (file.format === 'jsonl') fields = [...new Set([...fields, ...declared.types.keys()])]
  if (file.format !== 'jsonl' && !config.header && declared.types.size > 0) {
    const names = [...declared.types.keys()]
    if (fields.length > 0 && fields.length !== names.length) {
      throw invalidFile(1, `it has ${fields.length} fields, and \`columns\` names ${names.length}`)
    }
    fields = names
  }
  if (fields.length === 0) throw invalidFile(0, 'it is empty, and nothing says what its columns are')
  if (fields.includes('')) throw invalidFile(0, 'a column of the header has no name')
  if (fields.some((name) => name.includes('\ufffd'))) throw invalidFile(0, 'the header is not UTF-8')
  if (new Set(fields).size !== fields.length) throw invalidFile(0, 'two columns of the header have the same name')
  const missing = declared.own.find((name) => !fields.includes(name))
  if (missing !== undefined) {
    const params = { at: `columns.${missing}`, suggestion: suggest(missing, fields) }
    throw new AirlockError('COLUMN_NOT_FOUND', { phase: 'plan', params })
  }
  return fields
}

function columnOf(name: string, type: LogicalType): Column {
  return { name, type, nullable: true, sourceType: formatType(type), keyPosition: 0 }
}
