import { clock, days } from './calendar.js'
import type { DataSet } from './data-set.js'

const NOTES = ['no answer', 'gift wrapping, please', 'réclamation, größer, 東京', 'said "never again"', 'thanks 🙏🎉']
const STATES = ['open', 'paid', 'sent', 'returned']
const RECENT = days(2019, 2_200)

/** D4: orders as an API shows them, of the types that GraphQL services have. */
export const API_ROWS: DataSet = {
  name: 'd4',
  title: '8 columns of an API',
  rows: 200_000,
  columns: [
    { name: 'id', mysql: 'INT', postgres: 'integer' },
    { name: 'account_id', mysql: 'BIGINT', postgres: 'bigint' },
    // A scalar says nothing about digits, so that a column with a limit would be refused.
    { name: 'total', mysql: 'DECIMAL(12,2)', postgres: 'numeric' },
    { name: 'email', mysql: 'VARCHAR(120)', postgres: 'text', nullable: true },
    { name: 'state', mysql: 'VARCHAR(20)', postgres: 'text' },
    { name: 'note', mysql: 'TEXT', postgres: 'text' },
    { name: 'born_on', mysql: 'DATE', postgres: 'date' },
    { name: 'created_at', mysql: 'TIMESTAMP', postgres: 'timestamptz' },
  ],
  maskedColumn: 'email',

  row(id, random) {
    const account = BigInt(random.uint32() >>> 1) * 0x1_0000_0000n + BigInt(random.uint32())
    const total = `${random.below(100_000)}.${String(random.below(100)).padStart(2, '0')}`
    const email = random.below(3) === 0 ? '\\N' : `user${id}.${random.below(1000)}@example.com`
    const created = `${random.pick(RECENT)} ${clock(random.below(86_400))}`
    return `${id}\t${account}\t${total}\t${email}\t${random.pick(STATES)}\t${random.pick(NOTES)}\t${random.pick(RECENT)}\t${created}\n`
  },
}
