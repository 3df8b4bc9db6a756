import type { Batch, Column } from '../../../core/batch.js'
import type { WritePlan } from '../../../core/driver.js'
import { RowChecksums } from '../../../core/row-checksums.js'
import { decompressed } from '../compression.js'
import type { FilesConfig } from '../config.js'
import { filesPolicies } from '../policies.js'
import { decoderOf } from '../read/extractor.js'
import { fileChunks } from '../read/file-chunks.js'
import { RecordFeed } from '../read/record-feed.js'
import type { StagedFile } from './staged-file.js'
import type { WriteTarget } from './target.js'

/** Reads the rows of a write from the finished file, with the types that they were sent with, and gives their checksums. */
export async function readBack(options: {
  readonly staged: StagedFile
  readonly target: WriteTarget
  readonly config: FilesConfig
  readonly plan: WritePlan
  /** Bytes in front of the rows, not compressed. */
  readonly skip: number
  /** Of the stream, in its order. */
  readonly columns: readonly Column[]
  readonly signal: AbortSignal
}): Promise<Readonly<Record<string, string>>> {
  const { staged, target, plan, columns, signal } = options
  const escaped = filesPolicies(plan.policies).formulas === 'escape'
  const config = { ...options.config, header: false, unescape_formulas: escaped }
  const sums = new RowChecksums(columns)
  const ready: Batch[] = []
  const fields = target.columns.map(({ name }) => name)
  const shape = {
    fields,
    columns: columns.map((column) => ({ column, field: fields.indexOf(column.name), declared: true })),
  }
  const file = { name: target.name, handle: staged.handle, size: staged.size }
  const decoder = decoderOf(file, shape, config, {}, (batch) => ready.push(batch))
  const feed = new RecordFeed(decoder, config.max_row_bytes)
  const packed = target.name.compression !== 'none'
  let left = options.skip
  const take = (batch: Batch): void => {
    sums.add(batch)
    batch.release?.()
  }
  for await (const chunk of decompressed(
    fileChunks(staged.handle, { size: staged.size, signal, fresh: packed }),
    target.name.compression,
  )) {
    const skipped = Math.min(left, chunk.length)
    left -= skipped
    if (skipped < chunk.length) feed.push(chunk.subarray(skipped))
    ready.splice(0).forEach(take)
  }
  feed.end()
  decoder.flush(false)
  ready.splice(0).forEach(take)
  return sums.digest()
}
