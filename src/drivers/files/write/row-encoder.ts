import type { Batch, Column } from '../../../core/batch.js'
import type { FilesConfig } from '../config.js'
import type { FilesPolicies } from '../policies.js'

/** Writes batches as the rows of a file, into frames that it emits. */
export interface RowEncoder {
  readonly rowsSent: number
  readonly bytesSent: number
  readonly policyCounts: Readonly<Record<string, number>>
  /** The line of names, where the format has one. */
  header(): void
  encode(batch: Batch): void
  /** Emits what is still open. */
  flush(): void
  recycle(frame: Buffer): void
}

/** One column as it is written. */
export interface WrittenColumn {
  readonly name: string
  /** The stream's column and its position; undefined for a column that the stream does not have. */
  readonly from: { readonly column: Column; readonly index: number } | undefined
}

export interface EncoderOptions {
  readonly columns: readonly WrittenColumn[]
  readonly config: FilesConfig
  readonly policies: FilesPolicies
  emit(frame: Buffer): void
}
