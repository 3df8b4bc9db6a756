import type { Random } from './random.js'

/** One column with its type at each end. The pairs are those that Airlock itself would choose. */
export interface DataColumn {
  readonly name: string
  readonly mysql: string
  readonly postgres: string
  readonly nullable?: boolean
  /** Bytes: hexadecimal in COPY text. */
  readonly binary?: boolean
}

/** A table of generated rows. The first column, `id`, counts from 1 and is the primary key of the source. */
export interface DataSet {
  /** Table name and name on the command line. */
  readonly name: string
  readonly title: string
  /** Rows at scale 1. */
  readonly rows: number
  readonly columns: readonly DataColumn[]
  /** The column that the masked cases mask; data sets without one have no masked case. */
  readonly maskedColumn?: string
  /** Only how time and memory of Airlock grow is of interest: the peers are left out. */
  readonly withoutPeers?: boolean
  /** One row in COPY text (PostgreSQL, "COPY: Text Format") with its newline. Timestamps carry no zone: UTC is meant. */
  row(id: number, random: Random): string
}
