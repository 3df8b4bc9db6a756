/** One column of the table that holds every type: the values that go in as SQL literals of MySQL, the type that Airlock
 * gives the column in Postgres, and the values as Postgres must read them back. */
export interface TypeCase {
  readonly name: string
  readonly ddl: string
  readonly values: readonly string[]
  readonly type: string
  readonly golden: readonly (string | null)[]
  /** How the value is read back; `$` is the column. */
  readonly read?: string
  readonly only?: 'MariaDB'
}

const HEX = "encode($, 'hex')"
const SECONDS = 'extract(epoch FROM $)::text'
const UTC = "to_char($ AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"

const integers: readonly TypeCase[] = [
  {
    name: 'tiny1',
    ddl: 'TINYINT(1)',
    values: ['0', '1', '2', '-1', 'NULL'],
    type: 'smallint',
    golden: ['0', '1', '2', '-1', null],
  },
  { name: 'tiny', ddl: 'TINYINT(4)', values: ['-128'], type: 'smallint', golden: ['-128'] },
  { name: 'tiny_u', ddl: 'TINYINT UNSIGNED', values: ['255'], type: 'smallint', golden: ['255'] },
  { name: 'small', ddl: 'SMALLINT', values: ['-32768'], type: 'smallint', golden: ['-32768'] },
  {
    name: 'small_u',
    ddl: 'SMALLINT UNSIGNED',
    values: ['65535', '60000'],
    type: 'integer',
    golden: ['65535', '60000'],
  },
  { name: 'medium', ddl: 'MEDIUMINT', values: ['-8388608'], type: 'integer', golden: ['-8388608'] },
  { name: 'medium_u', ddl: 'MEDIUMINT UNSIGNED', values: ['16777215'], type: 'integer', golden: ['16777215'] },
  { name: 'int_s', ddl: 'INT', values: ['-2147483648'], type: 'integer', golden: ['-2147483648'] },
  { name: 'int_u', ddl: 'INT UNSIGNED', values: ['4294967295'], type: 'bigint', golden: ['4294967295'] },
  {
    name: 'big',
    ddl: 'BIGINT',
    values: ['-9007199254740993', '-9223372036854775808', '9007199254740993'],
    type: 'bigint',
    golden: ['-9007199254740993', '-9223372036854775808', '9007199254740993'],
  },
  {
    name: 'big_u',
    ddl: 'BIGINT UNSIGNED',
    values: ['18446744073709551615', '9223372036854775808', '0'],
    type: 'numeric(20,0)',
    golden: ['18446744073709551615', '9223372036854775808', '0'],
  },
  { name: 'int_z', ddl: 'INT(8) ZEROFILL', values: ['42', '0'], type: 'bigint', golden: ['42', '0'] },
  { name: 'year_', ddl: 'YEAR', values: ['0', '1901', '2155'], type: 'smallint', golden: ['0', '1901', '2155'] },
  { name: 'bit1', ddl: 'BIT(1)', values: ["b'1'", "b'0'"], type: 'bit(1)', golden: ['1', '0'] },
  { name: 'bit8', ddl: 'BIT(8)', values: ["b'10000001'", "b'1'"], type: 'bit(8)', golden: ['10000001', '00000001'] },
  { name: 'bit12', ddl: 'BIT(12)', values: ["b'100000000001'"], type: 'bit(12)', golden: ['100000000001'] },
  {
    name: 'bit16',
    ddl: "BIT(16) NOT NULL DEFAULT b'1010'",
    values: ['DEFAULT', "b'1111111100000000'"],
    type: 'bit(16)',
    golden: ['0000000000001010', '1111111100000000'],
  },
  {
    name: 'bit64',
    ddl: 'BIT(64)',
    values: ['18446744073709551615', '9223372036854775809'],
    type: 'bit(64)',
    golden: ['1'.repeat(64), `1${'0'.repeat(62)}1`],
  },
]

const numbers: readonly TypeCase[] = [
  {
    name: 'dec_65_30',
    ddl: 'DECIMAL(65,30)',
    values: [`${'9'.repeat(35)}.${'9'.repeat(30)}`, `-0.${'0'.repeat(29)}1`, '0'],
    type: 'numeric(65,30)',
    golden: [`${'9'.repeat(35)}.${'9'.repeat(30)}`, `-0.${'0'.repeat(29)}1`, `0.${'0'.repeat(30)}`],
  },
  {
    name: 'dec_18_0',
    ddl: 'DECIMAL(18,0)',
    values: ['-999999999999999999'],
    type: 'numeric(18,0)',
    golden: ['-999999999999999999'],
  },
  {
    name: 'dec_18_6',
    ddl: 'DECIMAL(18,6)',
    values: ['1.5', '-123456789012.123456'],
    type: 'numeric(18,6)',
    golden: ['1.500000', '-123456789012.123456'],
  },
  {
    name: 'dec_5_5',
    ddl: 'DECIMAL(5,5)',
    values: ['0.12345', '-0.99999'],
    type: 'numeric(5,5)',
    golden: ['0.12345', '-0.99999'],
  },
  {
    name: 'dec_u',
    ddl: 'DECIMAL(10,2) UNSIGNED',
    values: ['12345678.90'],
    type: 'numeric(10,2)',
    golden: ['12345678.90'],
  },
  {
    name: 'dec_z',
    ddl: 'DECIMAL(8,2) ZEROFILL',
    values: ['12.5', '0.05'],
    type: 'numeric(8,2)',
    golden: ['12.50', '0.05'],
  },
  {
    name: 'float_',
    ddl: 'FLOAT',
    values: ['16777216', '8388607.5', '3.4028235e38', '1.1', '1e-45', '-16777215'],
    type: 'real',
    golden: ['1.6777216e+07', '8.3886075e+06', '3.4028235e+38', '1.1', '1e-45', '-1.6777215e+07'],
  },
  {
    name: 'double_',
    ddl: 'DOUBLE',
    values: ['0.1e0 + 0.2e0', '1.7976931348623157e308', '5e-324', '9007199254740993e0'],
    type: 'double precision',
    golden: ['0.30000000000000004', '1.7976931348623157e+308', '5e-324', '9.007199254740992e+15'],
  },
  { name: 'double_z', ddl: 'DOUBLE(10,2) ZEROFILL', values: ['12.5'], type: 'double precision', golden: ['12.5'] },
]

const moments: readonly TypeCase[] = [
  {
    name: 'date_',
    ddl: 'DATE',
    values: [
      "'0000-00-00'",
      "'2025-00-15'",
      "'0000-11-30'",
      "'2025-06-00'",
      "'2024-02-29'",
      "'9999-12-31'",
      "'0001-01-01'",
      "'1000-01-01'",
    ],
    type: 'date',
    golden: [null, null, null, null, '2024-02-29', '9999-12-31', '0001-01-01', '1000-01-01'],
  },
  {
    name: 'date_required',
    ddl: "DATE NOT NULL DEFAULT '0000-00-00'",
    values: ['DEFAULT', "'2024-12-31'"],
    type: 'date',
    golden: [null, '2024-12-31'],
  },
  {
    name: 'datetime_',
    ddl: 'DATETIME',
    values: ["'2024-06-01 12:34:56'"],
    type: 'timestamp(0) without time zone',
    golden: ['2024-06-01 12:34:56'],
  },
  {
    name: 'datetime3',
    ddl: 'DATETIME(3)',
    values: ["'2024-06-01 12:34:56.789'"],
    type: 'timestamp(3) without time zone',
    golden: ['2024-06-01 12:34:56.789'],
  },
  {
    name: 'datetime6',
    ddl: "DATETIME(6) NOT NULL DEFAULT '0000-00-00 00:00:00'",
    values: [
      "'9999-12-31 23:59:59.999999'",
      'DEFAULT',
      "'1970-01-01 00:00:00.000001'",
      "'2024-00-00 10:11:12.5'",
      "'0001-01-01 00:00:00'",
    ],
    type: 'timestamp(6) without time zone',
    golden: ['9999-12-31 23:59:59.999999', null, '1970-01-01 00:00:00.000001', null, '0001-01-01 00:00:00'],
  },
  {
    name: 'timestamp6',
    ddl: 'TIMESTAMP(6) NULL',
    // Written in a session at +03:00.
    values: ["'2024-06-01 12:00:00.123456'", "'1970-01-01 03:00:01'", "'2038-01-19 06:14:07.999999'", 'NULL'],
    type: 'timestamp(6) with time zone',
    golden: ['2024-06-01 09:00:00.123456', '1970-01-01 00:00:01.000000', '2038-01-19 03:14:07.999999', null],
    read: UTC,
  },
  {
    name: 'timestamp_zero',
    ddl: "TIMESTAMP NOT NULL DEFAULT '0000-00-00 00:00:00'",
    values: ['DEFAULT', "'2024-01-01 03:00:00'"],
    type: 'timestamp(0) with time zone',
    golden: [null, '2024-01-01 00:00:00.000000'],
    read: UTC,
  },
  {
    name: 'time_',
    ddl: 'TIME',
    values: ["'-838:59:59'", "'838:59:59'", "'24:00:00'", "'-00:00:01'", "'00:00:00'"],
    type: 'interval',
    golden: ['-3020399.000000', '3020399.000000', '86400.000000', '-1.000000', '0.000000'],
    read: SECONDS,
  },
  {
    name: 'time6',
    ddl: 'TIME(6)',
    values: ["'-12:34:56.789012'", "'00:00:00.000001'"],
    type: 'interval',
    golden: ['-45296.789012', '0.000001'],
    read: SECONDS,
  },
]

const texts: readonly TypeCase[] = [
  {
    name: 'text_',
    ddl: 'TEXT',
    values: ["'\\\\N'", "'\\\\.'", "'tab\\there'", "'cr\\rlf\\n.'", "'\\b\\Z\\v'", "''", "'a\\\\tb'", "'  both  '"],
    type: 'text',
    golden: ['\\N', '\\.', 'tab\there', 'cr\rlf\n.', '\b\x1av', '', 'a\\tb', '  both  '],
  },
  {
    name: 'emoji',
    ddl: 'VARCHAR(50)',
    values: ["'😀 e\u0301 漢字'", "'quote '' \" ` end'", "'ends in blanks  '"],
    type: 'character varying(50)',
    golden: ['😀 e\u0301 漢字', 'quote \' " ` end', 'ends in blanks  '],
  },
  {
    name: 'nul',
    ddl: 'VARCHAR(20)',
    values: ["_utf8mb4 x'610062'", "_utf8mb4 x'00'"],
    type: 'character varying(20)',
    golden: ['ab', ''],
  },
  { name: 'char_', ddl: 'CHAR(10)', values: ["'a   '", "'é'"], type: 'character varying(10)', golden: ['a', 'é'] },
  {
    name: 'latin1_',
    ddl: 'VARCHAR(20) CHARACTER SET latin1',
    values: ["_latin1 x'809699'", "_latin1 x'E9'"],
    type: 'character varying(20)',
    golden: ['€–™', 'é'],
  },
  {
    name: 'gbk_',
    ddl: 'VARCHAR(20) CHARACTER SET gbk',
    values: ["_gbk x'C4E3BAC3'"],
    type: 'character varying(20)',
    golden: ['你好'],
  },
  { name: 'medium_text', ddl: 'MEDIUMTEXT', values: ["REPEAT('xé', 5000)"], type: 'text', golden: ['xé'.repeat(5000)] },
  {
    name: 'enum_',
    ddl: "ENUM('a','A b','it''s','back\\\\slash','com,ma','\"q\"','ü')",
    values: ["'a'", "'A b'", "'it''s'", "'back\\\\slash'", "'com,ma'", '\'"q"\'', "'ü'", "'no such label'"],
    type: 'text',
    golden: ['a', 'A b', "it's", 'back\\slash', 'com,ma', '"q"', 'ü', ''],
  },
  {
    name: 'set_',
    ddl: "SET('a','b \"q\"','c\\\\d','é','{}','NULL')",
    values: ["''", "'a'", '\'a,b "q"\'', '\'a,b "q",c\\\\d\'', "'é,{},NULL'", 'NULL'],
    type: 'text[]',
    golden: ['{}', '{a}', '{a,"b \\"q\\""}', '{a,"b \\"q\\"","c\\\\d"}', '{é,"{}","NULL"}', null],
  },
  {
    name: 'json_',
    ddl: 'JSON',
    values: [
      '\'{"b": 1, "a": [true, null, "x\\\\u0041"]}\'',
      '\'"a\\\\u0000b"\'',
      "'null'",
      'NULL',
      "'[]'",
      '\'"back\\\\\\\\u0000slash"\'',
    ],
    type: 'jsonb',
    golden: ['{"a": [true, null, "xA"], "b": 1}', '"ab"', 'null', null, '[]', '"back\\\\u0000slash"'],
  },
  {
    name: 'json_exact',
    ddl: 'JSON',
    values: ['\'{"n": 12345678901234567890123, "p": 1.10}\'', '\'{"k": 1, "k": 2}\''],
    type: 'jsonb',
    golden: ['{"n": 12345678901234567890123, "p": 1.10}', '{"k": 2}'],
    only: 'MariaDB',
  },
  {
    name: 'uuid_',
    ddl: 'UUID',
    values: ["'123e4567-e89b-12d3-a456-426614174000'", 'NULL'],
    type: 'uuid',
    golden: ['123e4567-e89b-12d3-a456-426614174000', null],
    only: 'MariaDB',
  },
  {
    name: 'inet6_',
    ddl: 'INET6',
    values: ["'2001:db8::ff00:42:8329'", "'::'"],
    type: 'character varying(39)',
    golden: ['2001:db8::ff00:42:8329', '::'],
    only: 'MariaDB',
  },
]

const bytes: readonly TypeCase[] = [
  {
    name: 'binary16',
    ddl: 'BINARY(16)',
    values: ["x'123e4567e89b12d3a456426614174000'", "x'01'"],
    type: 'bytea',
    golden: ['123e4567e89b12d3a456426614174000', `01${'00'.repeat(15)}`],
    read: HEX,
  },
  {
    name: 'varbinary_',
    ddl: 'VARBINARY(16)',
    values: ["x'7F000001'", "x''"],
    type: 'bytea',
    golden: ['7f000001', ''],
    read: HEX,
  },
  {
    name: 'blob_',
    ddl: 'BLOB',
    values: ["x'00FF0A0D225C'", "x'C328A0A1'", "x'5C2E0A5C4E'", 'NULL', "''"],
    type: 'bytea',
    golden: ['00ff0a0d225c', 'c328a0a1', '5c2e0a5c4e', null, ''],
    read: HEX,
  },
  {
    name: 'long_blob',
    ddl: 'LONGBLOB',
    values: ["REPEAT(x'00FF5C', 30000)"],
    type: 'bytea',
    golden: ['00ff5c'.repeat(30_000)],
    read: HEX,
  },
  {
    name: 'point_',
    ddl: 'POINT',
    values: ["ST_GeomFromText('POINT(1 2)', 3857)", "ST_GeomFromText('POINT(1 2)')", 'NULL'],
    type: 'bytea',
    golden: ['0101000020110f0000000000000000f03f0000000000000040', '0101000000000000000000f03f0000000000000040', null],
    read: HEX,
  },
  {
    name: 'geometry_',
    ddl: 'GEOMETRY',
    values: ["ST_GeomFromText('LINESTRING(0 0, 1 1)', 3857)"],
    type: 'bytea',
    golden: [`0102000020110f000002000000${'00'.repeat(16)}000000000000f03f000000000000f03f`],
    read: HEX,
  },
  { name: 'generated_s', ddl: 'INT AS (id * 2) STORED', values: [], type: 'integer', golden: ['2', '4', '6'] },
  {
    name: 'generated_v',
    ddl: "VARCHAR(9) AS (CONCAT('n', id)) VIRTUAL",
    values: [],
    type: 'character varying(9)',
    golden: ['n1', 'n2', 'n3'],
  },
]

/** Every type of the type sheet with the values that broke other tools. */
export const typeCases: readonly TypeCase[] = [...integers, ...numbers, ...moments, ...texts, ...bytes]
