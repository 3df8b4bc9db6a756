import type { EngineName } from '../testing/engines/index.js'
import {
  bytes,
  card,
  date,
  email,
  fullName,
  moment,
  money,
  noise,
  phone,
  pick,
  type SeedValue,
  ZERO_DATE,
} from './shop-values.js'

/** Customers whose rows are written out; the rest of the shop repeats them under other ids and addresses. */
const DISTINCT_CUSTOMERS = 500

/** One table of the made-up shop. Rows are counted from 1; `row(n)` gives those up to `distinctRows`, always the same. */
export interface ShopTable {
  readonly name: 'customers' | 'orders' | 'events'
  readonly columns: readonly string[]
  readonly rows: number
  readonly distinctRows: number
  /** The column that says whose row it is, and how many rows each customer has. */
  readonly customerColumn: 'id' | 'customer_id'
  readonly rowsPerCustomer: number
  readonly create: Readonly<Record<EngineName, string>>
  row(n: number): readonly SeedValue[]
}

const NOTES = [
  'Prefers mornings ☕, calls back "after nine"',
  'Path C:\\orders\\2024\tsee tab',
  "Asked for O'Reilly's book; birthday cake 🎂",
  'Two lines:\nthe second one',
  'VIP 👩‍🚀 — do not call before 10:00',
]
const GIFTS = ['Für dich 🎁', 'Say "hi" from us', 'Back\\slash & tab\there', "It's yours", '誕生日おめでとう 🎂']
const STATUSES = ['open', 'paid', 'shipped', 'returned']
const KINDS = ['view', 'search', 'add_to_cart', 'checkout', 'login']

/** The shop with `orders` rows in its largest table, a tenth as many customers and half as many events. */
export function shopTables(orders: number): readonly ShopTable[] {
  const customerOf = (n: number, rowsPerCustomer: number): number => Math.ceil(n / rowsPerCustomer)
  const size = (rowsPerCustomer: number) => {
    const rows = Math.ceil((orders * rowsPerCustomer) / 10)
    return { rows, rowsPerCustomer, distinctRows: Math.min(rows, DISTINCT_CUSTOMERS * rowsPerCustomer) }
  }
  return [
    {
      name: 'customers',
      ...size(1),
      customerColumn: 'id',
      columns: [
        'id',
        'full_name',
        'email',
        'phone',
        'card',
        'birthday',
        'notes',
        'credit',
        'preferences',
        'fingerprint',
        'newsletter',
        'created_at',
      ],
      create: {
        mysql: `CREATE TABLE customers (id INT UNSIGNED PRIMARY KEY, full_name VARCHAR(80) NOT NULL,
          email VARCHAR(120) NOT NULL, phone VARCHAR(24), card CHAR(19), birthday DATE, notes TEXT,
          credit DECIMAL(12,2) NOT NULL, preferences JSON, fingerprint BINARY(16), newsletter TINYINT(1) NOT NULL,
          created_at DATETIME(6) NOT NULL)`,
        postgres: `CREATE TABLE customers (id bigint PRIMARY KEY, full_name varchar(80) NOT NULL,
          email varchar(120) NOT NULL, phone varchar(24), card varchar(19), birthday date, notes text,
          credit numeric(12,2) NOT NULL, preferences jsonb, fingerprint bytea, newsletter boolean NOT NULL,
          created_at timestamp(6) NOT NULL)`,
      },
      row: (n) => [
        n,
        fullName(n),
        email(n),
        n % 11 === 0 ? null : phone(n),
        n % 7 === 0 ? null : card(n),
        n % 500 === 0 ? ZERO_DATE : date(n, 10, 1944, 60),
        n % 3 === 0 ? null : pick(NOTES, n, 11),
        money(n, 12, 5_000),
        n % 5 === 0 ? null : `{"lang": "${pick(['de', 'en', 'fr'], n, 13)}", "tags": ["a\\"b", "ü"], "score": ${n}.10}`,
        n % 4 === 0 ? null : bytes(n, 14, 16),
        noise(n, 15) % 2 === 0,
        moment(n, 16),
      ],
    },
    {
      name: 'orders',
      ...size(10),
      customerColumn: 'customer_id',
      columns: [
        'id',
        'customer_id',
        'email',
        'amount',
        'currency',
        'status',
        'gift_note',
        'shipped_on',
        'address',
        'placed_at',
      ],
      create: {
        mysql: `CREATE TABLE orders (id INT UNSIGNED PRIMARY KEY, customer_id INT UNSIGNED NOT NULL,
          email VARCHAR(120) NOT NULL, amount DECIMAL(12,2) NOT NULL, currency CHAR(3) NOT NULL,
          status ENUM('open','paid','shipped','returned') NOT NULL, gift_note VARCHAR(200), shipped_on DATE,
          address JSON, placed_at DATETIME(6) NOT NULL)`,
        postgres: `CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL,
          email varchar(120) NOT NULL, amount numeric(12,2) NOT NULL, currency char(3) NOT NULL,
          status text NOT NULL, gift_note varchar(200), shipped_on date, address jsonb, placed_at timestamp(6) NOT NULL)`,
      },
      row: (n) => [
        n,
        customerOf(n, 10),
        email(customerOf(n, 10)),
        money(n, 21, 900),
        pick(['CHF', 'EUR', 'USD'], n, 22),
        pick(STATUSES, n, 23),
        n % 6 === 1 ? pick(GIFTS, n, 24) : null,
        n % 1_000 === 0 ? ZERO_DATE : n % 3 === 0 ? null : date(n, 25, 2024, 2),
        `{"city": "${pick(['Zürich', 'São Paulo', 'Łódź', '東京'], n, 26)}", "zip": ${1000 + (noise(n, 27) % 9000)}}`,
        moment(n, 28),
      ],
    },
    {
      name: 'events',
      ...size(5),
      customerColumn: 'customer_id',
      columns: ['id', 'customer_id', 'kind', 'ip', 'payload', 'session', 'happened_at'],
      create: {
        mysql: `CREATE TABLE events (id BIGINT PRIMARY KEY, customer_id INT UNSIGNED, kind VARCHAR(20) NOT NULL,
          ip VARCHAR(45) NOT NULL, payload JSON NOT NULL, session BINARY(8) NOT NULL, happened_at DATETIME(6) NOT NULL)`,
        postgres: `CREATE TABLE events (id bigint PRIMARY KEY, customer_id bigint, kind varchar(20) NOT NULL,
          ip varchar(45) NOT NULL, payload jsonb NOT NULL, session bytea NOT NULL, happened_at timestamp(6) NOT NULL)`,
      },
      row: (n) => [
        n,
        n % 4 === 0 ? null : customerOf(n, 5),
        pick(KINDS, n, 31),
        `203.0.113.${noise(n, 32) % 256}`,
        `{"page": "/p/${noise(n, 33) % 5000}", "ms": ${noise(n, 34) % 3000}}`,
        bytes(n, 35, 8),
        moment(n, 36),
      ],
    },
  ]
}
