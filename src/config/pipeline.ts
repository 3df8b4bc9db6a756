import type { MergeStrategy, ReplaceStrategy, SchemaContract } from '../core/driver.js'
import type { GraphqlRead, GraphqlWrite } from '../core/graphql-read.js'
import type { MaskChoices } from '../core/mask-batches.js'

/** How a stream's rows meet those that the target has. The target's driver says which of them it can do. */
export type PipelineMode = 'append' | 'replace' | 'merge' | 'delete+insert'

/** A checked pipeline file. */
export interface Pipeline {
  readonly name: string
  /** Names of connections. */
  readonly source: string
  readonly target: string
  /** In the order of the file, the disabled ones included. */
  readonly streams: readonly PipelineStream[]
  /** Tables that no wildcard takes: entries `-name`. */
  readonly excluded?: readonly string[]
}

/** One stream with the pipeline's defaults filled in. Exactly one of `table`, `query` and `graphql` is
 * there. */
export interface PipelineStream {
  readonly name: string
  readonly table?: string
  readonly query?: string
  readonly graphql?: GraphqlRead
  /** What takes the rows at a GraphQL target. */
  readonly mutation?: GraphqlWrite
  /** The table to write, with its schema where one was given. */
  readonly targetTable: string
  readonly mode: PipelineMode
  /** Empty: the source's primary key. */
  readonly primaryKey: readonly string[]
  /** How the mode does it; the target driver's first where left out. */
  readonly strategy?: MergeStrategy | ReplaceStrategy
  readonly cursor?: string
  /** Reads this much before the last cursor value again: seconds, or units of a number. */
  readonly lag?: number
  /** Of a `delete+insert`, or of a part of the source: [from, to) on `cursor`. */
  readonly window?: { readonly from?: string; readonly to?: string }
  readonly contract?: SchemaContract
  readonly maxDeleteRatio?: number
  readonly identity?: boolean
  readonly select?: readonly string[]
  readonly where?: string
  readonly mask: MaskChoices
  readonly policies: Readonly<Record<string, string>>
  /** Loads by so many ranges of the key; finished ones outlive an interruption. */
  readonly resume?: { readonly ranges: number }
  /** Several sessions read it at one time, each a range of this column; as many ranges as sessions where left out. */
  readonly partitionBy?: { readonly column: string; readonly ranges?: number }
  /** Not even where sessions are idle. */
  readonly undivided?: boolean
  /** Estimated rows from which it is divided by its key where sessions are idle. */
  readonly divideFrom?: number
  readonly disabled: boolean
  /** A template for every table that its pattern names; expanded against the source's catalogue. */
  readonly wildcard?: Wildcard
}

/** Which tables an entry such as `sales.*` stands for, and where they go. */
export interface Wildcard {
  /** Undefined for `*`: every schema of the connection. */
  readonly schema?: string
  /** `target_table` as it is written, with the places `{stream_schema}` and `{stream_table}`. */
  readonly target?: string
  readonly targetSchema?: string
}
