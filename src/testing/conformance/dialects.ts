import type { Dialect } from './server-fixture.js'

const ENDLESS = (table: string) => `SELECT a.body AS body, b.id AS id FROM ${table} a, ${table} b`

/** MySQL 8 and MariaDB. */
export const MYSQL_DIALECT: Dialect = {
  fill: (table, rows, bytes) => `CREATE TABLE ${table} (id INT NOT NULL PRIMARY KEY, body TEXT);
    INSERT INTO ${table} WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
      SELECT i, REPEAT('x', ${bytes}) FROM n`,
  createEmpty: (table) => `CREATE TABLE ${table} (id INT, body TEXT)`,
  sleep: (seconds) => `SELECT SLEEP(${seconds}) AS s`,
  endless: ENDLESS,
  // A scalar subquery of two rows is an error, found when its row is reached.
  failAt: (table, id) =>
    `SELECT a.id, a.body, (SELECT b.id FROM ${table} b WHERE a.id = ${id} AND b.id < 3) AS x FROM ${table} a`,
  canonical: [
    { expression: 'NULL', kind: 'text', cell: null },
    { expression: "''", kind: 'text', cell: '' },
    { expression: "'ж€𝄞\\t\\n\\\\N'", kind: 'text', cell: 'ж€𝄞\t\n\\N' },
    { expression: 'CAST(-9223372036854775808 AS SIGNED)', kind: 'int64', cell: '-9223372036854775808' },
    { expression: 'CAST(18446744073709551615 AS UNSIGNED)', kind: 'uint64', cell: '18446744073709551615' },
    {
      expression: 'CAST(12345678901234567890.123456789 AS DECIMAL(38,9))',
      kind: 'decimal',
      cell: '12345678901234567890.123456789',
    },
    { expression: "DATE '0999-12-31'", kind: 'date', cell: '0999-12-31' },
    { expression: "TIMESTAMP '2024-02-29 23:59:59.000001'", kind: 'timestamp', cell: '2024-02-29 23:59:59.000001' },
  ],
}

/** PostgreSQL 13 and later. */
export const POSTGRES_DIALECT: Dialect = {
  fill: (table, rows, bytes) => `CREATE TABLE ${table} (id int PRIMARY KEY, body text);
    INSERT INTO ${table} SELECT i, repeat('x', ${bytes}) FROM generate_series(1, ${rows}) AS i`,
  createEmpty: (table) => `CREATE TABLE ${table} (id int, body text)`,
  sleep: (seconds) => `SELECT 1 AS s FROM pg_sleep(${seconds})`,
  endless: ENDLESS,
  failAt: (table, id) => `SELECT id, body, 1 / (id - ${id}) AS x FROM ${table}`,
  canonical: [
    { expression: 'NULL::text', kind: 'text', cell: null },
    { expression: "''::text", kind: 'text', cell: '' },
    { expression: "E'ж€𝄞\\t\\n\\\\N'::text", kind: 'text', cell: 'ж€𝄞\t\n\\N' },
    { expression: '(-9223372036854775808)::int8', kind: 'int64', cell: '-9223372036854775808' },
    {
      expression: '12345678901234567890.123456789::numeric(38,9)',
      kind: 'decimal',
      cell: '12345678901234567890.123456789',
    },
    { expression: 'true', kind: 'boolean', cell: 't' },
    { expression: "DATE '0999-12-31'", kind: 'date', cell: '0999-12-31' },
    { expression: "TIMESTAMP '2024-02-29 23:59:59.000001'", kind: 'timestamp', cell: '2024-02-29 23:59:59.000001' },
  ],
}
