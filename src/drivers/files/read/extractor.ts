import type { Batch } from '../../../core/batch.js'
import type { Extraction, ExtractRequest, SourceDescription } from '../../../core/driver.js'
import { selectColumns } from '../../../core/select-columns.js'
import { AirlockError } from '../../../errors/index.js'
import { decompressed } from '../compression.js'
import type { FilesConfig } from '../config.js'
import { unsupported } from '../errors.js'
import { printablePath } from '../table-file.js'
import { CsvDecoder } from './csv-decoder.js'
import { fileChunks } from './file-chunks.js'
import { delimiterOf, type FileShape, fileShape, type OpenFile } from './file-shape.js'
import { JsonDecoder } from './json-decoder.js'
import { RecordFeed } from './record-feed.js'
import type { ReadColumn, RowDecoder } from './row-decoder.js'

/** What an extraction asks of its session, which owns the handles. */
export interface FileOpener {
  /** Opens the file of a table for `work`, and closes it when that has ended. */
  openTable(table: string): Promise<OpenFile & AsyncDisposable>
}

/** One streaming pass over a file. Memory holds a few chunks and one batch, whatever the size of the file. */
export function extractFile(
  opener: FileOpener,
  config: FilesConfig,
  request: ExtractRequest,
  signal: AbortSignal,
): Extraction {
  let decoder: RowDecoder | undefined
  return {
    get rowsRead() {
      return decoder?.rowsRead ?? 0
    },
    policyCounts: {},
    async *[Symbol.asyncIterator]() {
      await using file = await opener.openTable(tableOf(request))
      const shape = await fileShape(file, config, signal)
      const ready: Batch[] = []
      decoder = decoderOf(file, shape, config, request, (batch) => ready.push(batch))
      yield* decodeFile(file, decoder, config, signal, ready)
    },
  }
}

/** For plans: the columns and the file. */
export async function describeFile(
  opener: FileOpener,
  config: FilesConfig,
  request: ExtractRequest,
  signal: AbortSignal,
): Promise<SourceDescription> {
  await using file = await opener.openTable(tableOf(request))
  const columns = chosen(await fileShape(file, config, signal), request).map(({ column }) => column)
  return { columns, statement: `read ${printablePath(file.name)}`, estimatedRows: undefined }
}

/** Batches of a file whose shape is known; at least one. `ready` is what the decoder emits into. */
export async function* decodeFile(
  file: OpenFile,
  decoder: RowDecoder,
  config: FilesConfig,
  signal: AbortSignal,
  ready: Batch[],
): AsyncGenerator<Batch, void, undefined> {
  const feed = new RecordFeed(decoder, config.max_row_bytes)
  const packed = file.name.compression !== 'none'
  const bytes = fileChunks(file.handle, { size: file.size, signal, fresh: packed })
  for await (const chunk of decompressed(bytes, file.name.compression)) {
    feed.push(chunk)
    yield* ready.splice(0)
  }
  feed.end()
  decoder.flush(decoder.rowsRead === 0)
  yield* ready.splice(0)
}

export function decoderOf(
  file: OpenFile,
  shape: FileShape,
  config: FilesConfig,
  request: ExtractRequest,
  emit: (batch: Batch) => void,
): RowDecoder {
  const options = {
    columns: chosen(shape, request),
    fields: shape.fields,
    batchBytes: request.batchBytes,
    config,
    emit,
  }
  if (file.name.format === 'jsonl') return new JsonDecoder(options)
  return new CsvDecoder({ ...options, delimiter: delimiterOf(file.name, config), header: config.header })
}

function chosen(shape: FileShape, request: ExtractRequest): readonly ReadColumn[] {
  const byName = new Map(shape.columns.map((column) => [column.column.name, column]))
  return selectColumns(shape.fields, request.select).map((name) => byName.get(name)!)
}

function tableOf(request: ExtractRequest): string {
  if (request.query !== undefined) throw unsupported('files have no queries; name a table')
  if (request.graphql !== undefined) throw unsupported('files have no GraphQL')
  if (request.where !== undefined) throw unsupported('files have no conditions; read them into a database first')
  if (request.cursor !== undefined || request.range !== undefined) {
    throw unsupported('files are read as a whole, not by cursor or range')
  }
  if (request.table === undefined) {
    const params = { at: 'table', problem: 'name the table' }
    throw new AirlockError('CONFIG_INVALID', { phase: 'plan', params })
  }
  return request.table
}
