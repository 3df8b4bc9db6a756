import { clock, days } from './calendar.js'
import type { DataSet } from './data-set.js'
import type { Random } from './random.js'

const FIRST = ['Ada', 'Béla', 'Chloé', 'Đorđe', 'Eva', 'Frank', 'Grace', 'Hồng', 'Ivo', 'José', 'Kim', 'Łucja']
const LAST = ['Andersen', 'Brontë', "D'Arcy", 'Fuchs', 'García', 'Ito', 'Kovács', 'Lovelace', 'Müller', "O'Neill"]
const DOMAINS = ['example.com', 'example.net', 'mail.example.org', 'shop.example']

/** Pieces of the notes, each already in COPY text: a third of them needs an escape or more than one byte a character. */
const PIECES = [
  'called back on Monday',
  'prefers delivery in the morning',
  'asked for an invoice by post',
  'left at the neighbour',
  'second reminder sent',
  'no answer',
  'order split in two parcels',
  'paid in advance',
  'address confirmed by phone',
  'gift wrapping, please',
  'said "never again"',
  "it's the blue one, not the 'navy' one",
  'path C:\\\\orders\\\\2024\\\\scan.pdf',
  'col a\\tcol b\\tcol c',
  'first line\\nsecond line',
  'réclamation, größer, 東京',
  'thanks 🙏🎉',
  '100 % {"json": [1, 2]} <b>&amp;</b>',
]

const BIRTHDAYS = days(1940, 25_000)
const RECENT = days(2019, 2_200)
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** D1: one of each common type, with e-mail addresses that are all distinct where they are not NULL (a third is), so
 * that a mask's cache of repeated values has nothing to find. */
export const MIXED_ROWS: DataSet = {
  name: 'd1',
  title: '12 mixed columns',
  rows: 1_000_000,
  columns: [
    { name: 'id', mysql: 'INT', postgres: 'integer' },
    { name: 'account_id', mysql: 'BIGINT', postgres: 'bigint' },
    { name: 'amount', mysql: 'DECIMAL(12,2)', postgres: 'numeric(12,2)' },
    { name: 'score', mysql: 'DOUBLE', postgres: 'double precision' },
    { name: 'full_name', mysql: 'VARCHAR(80)', postgres: 'varchar(80)' },
    { name: 'email', mysql: 'VARCHAR(120)', postgres: 'varchar(120)', nullable: true },
    { name: 'note', mysql: 'TEXT', postgres: 'text' },
    { name: 'born_on', mysql: 'DATE', postgres: 'date' },
    { name: 'created_at', mysql: 'DATETIME(6)', postgres: 'timestamp(6)' },
    { name: 'updated_at', mysql: 'TIMESTAMP', postgres: 'timestamptz(0)' },
    { name: 'active', mysql: 'TINYINT(1)', postgres: 'smallint' },
    { name: 'payload', mysql: 'VARBINARY(64)', postgres: 'bytea', binary: true },
  ],
  maskedColumn: 'email',

  row(id, random) {
    const first = random.pick(FIRST)
    const last = random.pick(LAST)
    const account = BigInt(random.uint32() >>> 1) * 0x1_0000_0000n + BigInt(random.uint32())
    const sign = random.below(10) === 0 ? '-' : ''
    const amount = `${sign}${random.below(10_000_000)}.${String(random.below(100)).padStart(2, '0')}`
    const score = (random.fraction() - 0.5) * 10 ** (random.below(13) - 6)
    const email = random.below(3) === 0 ? '\\N' : `user${id}.${random.below(1000)}@${random.pick(DOMAINS)}`
    const born = random.pick(BIRTHDAYS)
    const created = `${random.pick(RECENT)} ${clock(random.below(86_400))}.${micros(random)}`
    const updated = `${random.pick(RECENT)} ${clock(random.below(86_400))}`
    return `${id}\t${account}\t${amount}\t${score}\t${first} ${last}\t${email}\t${note(random)}\t${born}\t${created}\t${updated}\t${random.below(2)}\t${payload(random)}\n`
  },
}

function note(random: Random): string {
  let text = random.pick(PIECES)
  for (let more = 1 + random.below(5); more > 0; more--) text += `; ${random.pick(PIECES)}`
  return text
}

function micros(random: Random): string {
  return String(random.below(1_000_000)).padStart(6, '0')
}

function payload(random: Random): string {
  let text = '\\\\x'
  for (let words = 4 + random.below(6); words > 0; words--) {
    const bits = random.uint32()
    text += `${HEX[bits & 0xff]}${HEX[(bits >>> 8) & 0xff]}${HEX[(bits >>> 16) & 0xff]}${HEX[bits >>> 24]}`
  }
  return text
}
