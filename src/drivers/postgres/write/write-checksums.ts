import type { Batch, Column } from '../../../core/batch.js'
import { atMost } from '../../../core/bounded.js'
import type { WritePlan } from '../../../core/driver.js'
import { RowChecksums } from '../../../core/row-checksums.js'
import { streamStatement } from '../../../core/statement-stream.js'
import { AirlockError } from '../../../errors/index.js'
import type { PostgresConnection } from '../native.js'
import { byCopy } from '../read/row-sources.js'
import { resolveSource } from '../read/source.js'
import { quoteName } from '../sql.js'
import { postgresType } from '../types.js'
import { STAGED_IS_WRITTEN } from './apply-merge.js'
import { MINE, mineSince } from './count-rows.js'
import { type LoadPlan, VALID_TO } from './load-plan.js'
import { NulCleaner } from './nul-cleaner.js'
import { columnDiffers } from './same-row.js'
import { STAGING, sameKey } from './staging.js'

/** How long a read may take to end after it was given up. */
const END_MS = 1500

type Digest = Readonly<Record<string, string>>

/** Checksums of one write: of the rows as they are sent, and of the same rows as the server has them, read back before the
 * commit. Columns of text that the target keeps as something else are left out: their text changes on the way. */
export class WriteChecksums {
  /** NUL bytes that were taken out before the rows were summed; the encoder sees no more of them. */
  readonly nuls: NulCleaner
  #load: LoadPlan
  #sent: RowChecksums
  #reads: ReadonlyMap<string, string>

  private constructor(load: LoadPlan) {
    this.#load = load
    this.#sent = new RowChecksums(load.columns)
    this.nuls = new NulCleaner(load.columns, load.policies)
    this.#reads = new Map(
      load.columns.flatMap((column): [string, string][] => {
        const read = readBack(load, column)
        return read === undefined ? [] : [[column.name, read]]
      }),
    )
  }

  /** Undefined where the plan asks for none. */
  static of(plan: WritePlan, load: LoadPlan): WriteChecksums | undefined {
    return plan.checksum === true ? new WriteChecksums(load) : undefined
  }

  /** Sums the rows; gives them back as they are to be sent. */
  add(batch: Batch): Batch {
    const clean = this.nuls.apply(batch)
    this.#sent.add(clean)
    return clean
  }

  /** Column → checksum of what was sent. */
  digest(): Digest {
    return this.#comparable(this.#sent)
  }

  /** Compares what was sent with the staging table as COPY has left it. */
  async checkStaging(connection: PostgresConnection, signal: AbortSignal): Promise<void> {
    await this.#check(connection, `${STAGING} AS t`, signal)
  }

  /** Compares what was sent with the table: all of it after a replace, else the rows of this transaction that no
   * ALTER TABLE has written (`rewrite` is its last command). */
  async checkTable(connection: PostgresConnection, rewrite: number, signal: AbortSignal): Promise<void> {
    const { mode, target, table } = this.#load
    const all = mode === 'replace' || target === undefined
    await this.#check(connection, `${table} AS t${all ? '' : ` WHERE ${mineSince(rewrite)}`}`, signal)
  }

  /** Compares the staged rows that were written by a merge with the rows of the target that have their keys. */
  async checkMerged(connection: PostgresConnection): Promise<void> {
    const load = this.#load
    const list = load.columns.map(({ name }) => `count(*) FILTER (WHERE ${columnDiffers(load, name)})`)
    const current = load.strategy === 'scd2' ? ` AND t.${quoteName(VALID_TO)} IS NULL` : ''
    // Without a strategy: `delete+insert`, which leaves rows with the same key alone outside of its window.
    const written = STAGED_IS_WRITTEN[load.strategy ?? ''] === true ? '' : ` AND ${MINE}`
    const { rows } = await connection.query(
      `SELECT ${list.join(', ')} FROM ${STAGING} AS s JOIN ${load.table} AS t ON ${sameKey(load)}${current}${written}`,
    )
    refuse(load.columns.filter((_, index) => rows[0]?.[index] !== '0').map(({ name }) => name))
  }

  async #check(connection: PostgresConnection, from: string, signal: AbortSignal): Promise<void> {
    const { columns } = this.#load
    const list = columns.map(({ name }) => `${this.#reads.get(name) ?? 'NULL'} AS ${quoteName(name)}`)
    const found = new RowChecksums(columns)
    for await (const batch of readRows(connection, `SELECT ${list.join(', ')} FROM ${from}`, signal)) {
      found.add(batch)
      batch.release?.()
    }
    refuse(RowChecksums.differing(this.digest(), this.#comparable(found)))
  }

  #comparable(sums: RowChecksums): Digest {
    return Object.fromEntries(Object.entries(sums.digest()).filter(([name]) => this.#reads.has(name)))
  }
}

/** Reads canonical rows inside the running transaction. */
async function* readRows(
  connection: PostgresConnection,
  query: string,
  signal: AbortSignal,
): AsyncGenerator<Batch, void, undefined> {
  const { select, columns } = await resolveSource(connection, { query }, { bounded: false })
  const statement = byCopy(
    connection,
    { select, columns, batchBytes: undefined },
    // An abort has cancelled the statement at the server already: the session does that for the whole write.
    async (finished) => void (await atMost(END_MS, finished)),
    () => undefined,
  )
  yield* streamStatement(statement, { signal, bufferBytes: undefined })
}

const NUMBERS: readonly string[] = ['int16', 'int32', 'int64', 'uint64', 'decimal', 'float32', 'float64']

/** The expression that reads a column back as a value of its stream's type; undefined where there is none. */
function readBack(load: LoadPlan, { name, type }: Column): string | undefined {
  const plain = `t.${quoteName(name)}`
  const into = load.target?.columns.find((column) => column.name === name)
  const kind = into === undefined || load.types.get(name) !== into.type ? type.kind : into.logical?.kind
  if (kind === type.kind) return kind === 'text' ? `${plain}::text` : plain
  const related =
    kind === 'text' ||
    (kind !== undefined && NUMBERS.includes(kind) && NUMBERS.includes(type.kind)) ||
    (type.kind === 'date' && (kind === 'timestamp' || kind === 'timestamptz')) ||
    (type.kind === 'time' && kind === 'interval')
  return related && type.kind !== 'text' && type.kind !== 'bytes' ? `${plain}::${postgresType(type)}` : undefined
}

function refuse(names: readonly string[]): void {
  if (names.length === 0) return
  throw new AirlockError('CHECKSUM_MISMATCH', { phase: 'verify', params: { at: names.join(', ') } })
}
