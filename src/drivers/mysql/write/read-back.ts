import type { Column } from '../../../core/batch.js'
import { RowChecksums } from '../../../core/row-checksums.js'
import { AirlockError } from '../../../errors/index.js'
import type { MysqlConnection } from '../native.js'
import { mysqlPolicies } from '../policies.js'
import { mysqlColumn } from '../read/columns.js'
import { RowPacker } from '../read/row-packer.js'
import { quoteName } from '../sql.js'
import type { ColumnSlot } from './column-slot.js'

/** Policies that read each value as it was written. */
const AS_WRITTEN = mysqlPolicies({ zero_dates: 'epoch' })

/** Reads rows of the target again and sums their columns. `from` is what follows FROM, with `t` for the target's table. */
export async function readChecksums(
  connection: MysqlConnection,
  slots: readonly ColumnSlot[],
  stored: readonly Column[],
  from: string,
): Promise<RowChecksums> {
  const { fields } = await connection.query(`SELECT ${slots.map(readPlain).join(', ')} FROM ${from} LIMIT 0`)
  const columns = fields.map((field) => mysqlColumn(field, AS_WRITTEN))
  const list = slots.map((slot, index) => {
    const expression = columns[index]?.expression
    const plain = readPlain(slot)
    return expression === undefined || slot.readBack !== undefined ? plain : expression(`t.${quoteName(slot.name)}`)
  })
  const sums = new RowChecksums(stored)
  await new Promise<void>((resolve, reject) => {
    let failure: unknown
    const packer = new RowPacker(columns, AS_WRITTEN, undefined, (batch) => {
      sums.add(batch)
      batch.release?.()
    })
    connection.stream(`SELECT ${list.join(', ')} FROM ${from}`, {
      row(bytes, start, end) {
        // Thrown into the client library it would destroy the connection.
        try {
          if (failure === undefined) packer.row(bytes, start, end)
        } catch (error) {
          failure = error
        }
      },
      end() {
        if (failure !== undefined) return reject(failure)
        packer.flush()
        resolve()
      },
      fail: reject,
    })
  })
  return sums
}

/** Compares what was sent with what was read back. Throws CHECKSUM_MISMATCH, which names the columns. */
export function compareChecksums(sent: RowChecksums, read: RowChecksums): Readonly<Record<string, string>> {
  const digest = sent.digest()
  const differing = RowChecksums.differing(digest, read.digest())
  if (differing.length === 0) return digest
  throw new AirlockError('CHECKSUM_MISMATCH', { phase: 'verify', params: { at: differing.join(', ') } })
}

function readPlain({ name, readBack }: ColumnSlot): string {
  const identifier = `t.${quoteName(name)}`
  return readBack === undefined ? identifier : readBack(identifier)
}
