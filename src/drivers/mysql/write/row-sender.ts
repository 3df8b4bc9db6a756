import { randomBytes } from 'node:crypto'
import { AirlockError } from '../../../errors/index.js'
import type { MysqlConnection } from '../native.js'
import { quoteName } from '../sql.js'
import type { ColumnSlot } from './column-slot.js'
import type { FrameForm, RowChunk } from './row-frames.js'

/** A note that the server gives to a statement which replication by statements could repeat differently. */
const UNSAFE_STATEMENT = '1592'

/** The two ways in: LOAD DATA LOCAL from memory, about twice as fast, or INSERT with many rows. */
export type Transport = 'load' | 'insert'

export function formOf(transport: Transport): FrameForm {
  return transport === 'load' ? 'lines' : 'values'
}

/** The statement in front of the rows of a chunk. The file of a load is named by whoever sends it. */
export function insertHead(into: string, slots: readonly ColumnSlot[]): string {
  return `INSERT INTO ${into} (${slots.map(({ name }) => quoteName(name)).join(', ')}) VALUES `
}

/** Bytes travel as hex: a file has one character set, and bytes have none. */
export function loadStatement(into: string, slots: readonly ColumnSlot[], file: string): string {
  const isHex = ({ framing }: ColumnSlot) => framing === 'bytes' || framing === 'bits'
  const columns = slots.map((slot, index) => (isHex(slot) ? `@airlock_${index}` : quoteName(slot.name)))
  const sets = slots.flatMap((slot, index) =>
    isHex(slot) ? [`${quoteName(slot.name)} = UNHEX(@airlock_${index})`] : [],
  )
  return `LOAD DATA LOCAL INFILE '${file}' INTO TABLE ${into} CHARACTER SET utf8mb4
    FIELDS TERMINATED BY '\\t' ENCLOSED BY '' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n' STARTING BY ''
    (${columns.join(', ')})${sets.length === 0 ? '' : ` SET ${sets.join(', ')}`}`
}

/** Sends chunks of rows, one statement each. The next chunk is filled while the server works on the one before. What the
 * server took differently from how it was sent, or not at all, is an error, whatever the server calls it: LOAD DATA makes
 * warnings of errors. */
export class RowSender {
  rowsConfirmed = 0
  #connection: MysqlConnection
  #transport: Transport
  #into: string
  #slots: readonly ColumnSlot[]
  #sent: (chunk: RowChunk) => void
  #running: Promise<void> = Promise.resolve()

  /** `sent` is told when the memory of a chunk is free again. */
  constructor(
    connection: MysqlConnection,
    options: { readonly transport: Transport; readonly into: string; readonly slots: readonly ColumnSlot[] },
    sent: (chunk: RowChunk) => void,
  ) {
    this.#connection = connection
    this.#transport = options.transport
    this.#into = options.into
    this.#slots = options.slots
    this.#sent = sent
  }

  /** Resolves when the chunk before has arrived and this one has left: who filled the next one before that would keep the
   * server waiting for these bytes, since it asks for them first. */
  async send(chunk: RowChunk): Promise<void> {
    await this.#running
    await new Promise<void>((resolve) => {
      this.#running = this.#deliver(chunk, resolve)
      this.#running.then(resolve, resolve)
    })
  }

  /** Settles like `work`, or rejects as soon as a chunk is refused or the connection is lost. */
  async unlessRefused<T>(work: Promise<T>): Promise<T> {
    const refused = new Promise<never>((_, reject) => {
      this.#running.then(undefined, reject)
    })
    return await this.#connection.whileUsable(Promise.race([work, refused]))
  }

  /** Resolves when everything has arrived. */
  async finish(): Promise<void> {
    await this.#running
  }

  /** Resolves when no statement runs any more, whatever became of it. */
  async settle(): Promise<void> {
    await this.#running.catch(toldNext)
  }

  async #deliver(chunk: RowChunk, onTaken: () => void): Promise<void> {
    const { affectedRows, warnings } = await this.#run(chunk, onTaken)
    this.#sent(chunk)
    if (warnings > 0) await refuseWarnings(this.#connection)
    if (affectedRows !== chunk.rows) {
      const problem = `${chunk.rows} sent, ${affectedRows} confirmed`
      throw new AirlockError('COUNT_MISMATCH', { phase: 'verify', params: { problem } })
    }
    this.rowsConfirmed += affectedRows
  }

  #run({ bytes }: RowChunk, onTaken: () => void) {
    if (this.#transport === 'insert') {
      onTaken()
      return this.#connection.execute(insertHead(this.#into, this.#slots) + bytes.toString('utf8'))
    }
    const name = `airlock-${randomBytes(12).toString('hex')}`
    return this.#connection.execute(loadStatement(this.#into, this.#slots, name), { name, bytes, onTaken })
  }
}

/** Fails with the first warning of the statement before, by its number alone: its text holds values. */
export async function refuseWarnings(connection: MysqlConnection): Promise<void> {
  const { rows } = await connection.query('SHOW WARNINGS')
  const codes = rows.map(([, code]) => code).filter((code) => code !== UNSAFE_STATEMENT)
  if (rows.length > 0 && codes.length === 0) return
  throw Object.assign(new Error('a warning'), { errno: Number(codes[0] ?? 0) || 1265 })
}

function toldNext(): void {
  // Whoever waits for the next chunk, or for the end, is told; here it would only be an unhandled rejection.
}
