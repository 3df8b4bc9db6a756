/** One column of the table of all Postgres types. */
export interface PostgresTypeCase {
  readonly name: string
  /** Type and constraints, as in CREATE TABLE. */
  readonly ddl: string
  /** What the source calls the type. */
  readonly declared: string
  /** The logical type, as `formatType` prints it. */
  readonly logical: string
  /** SQL literals, one a row; empty for a column that the server fills itself. */
  readonly values: readonly string[]
  /** The canonical cells; `bytes` as `\x` and hex digits. */
  readonly cells: readonly (string | null)[]
  /** First major version that has it, where that is not 13. */
  readonly since?: number
  /** The extension that it needs. */
  readonly extension?: string
}

/** Types of the table, before it. Extensions are created where the server has them. */
export const TYPES = `
  CREATE TYPE mood AS ENUM ('ok', 'it''s, "odd"\\', 'ÄÖ', 'Ok');
  CREATE TYPE pair AS (label text, amount numeric, "Odd Name" boolean);
  CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
  CREATE DOMAIN small_positive AS positive CHECK (VALUE < 100);
  CREATE DOMAIN prices AS numeric(8,2)[];
  CREATE DOMAIN code AS character varying(5) NOT NULL DEFAULT 'none';`

const same = (...texts: string[]): Pick<PostgresTypeCase, 'values' | 'cells'> => ({
  values: texts.map((text) => `'${text.replaceAll("'", "''")}'`),
  cells: texts,
})

const plain = (name: string, ddl: string, logical: string, ...texts: string[]): PostgresTypeCase => ({
  ...{ name, ddl, declared: ddl, logical },
  ...same(...texts),
})

const NASTY_TEXT = 'tab\t nl\n cr\r bs\b ff\f vt\x0b back\\ \\N \\. "q" \'a\' 😀 é '

const numbers: readonly PostgresTypeCase[] = [
  { ...plain('flag', 'boolean', 'boolean', 't', 'f'), values: ['true', 'false'] },
  plain('small', 'smallint', 'int16', '-32768', '32767', '0'),
  plain('whole', 'integer', 'int32', '-2147483648', '2147483647'),
  plain('big', 'bigint', 'int64', '-9223372036854775808', '9223372036854775807', '-9007199254740993'),
  { ...plain('counter', 'bigserial', 'int64', '1', '9223372036854775806'), declared: 'bigint' },
  {
    ...plain('identity_', 'integer GENERATED ALWAYS AS IDENTITY', 'int32'),
    ...{ declared: 'integer', values: [], cells: ['1', '2', '3', '4', '5', '6', '7', '8', '9'] },
  },
  plain('oid_', 'oid', 'int64', '4294967295', '0'),
  plain('xid_', 'xid', 'int64', '4294967295'),
  plain('cid_', 'cid', 'int64', '4294967295'),
  plain('xid8_', 'xid8', 'uint64', '18446744073709551615'),
  plain('exact', 'numeric(20,6)', 'decimal(20,6)', '12345678901234.123456', '-0.000001', 'NaN'),
  plain('key18', 'numeric(18,0)', 'decimal(18,0)', '999999999999999999'),
  {
    ...plain('free', 'numeric', 'decimal', '0.0000000000000000000000000000000000000001', '1.50', '1.5'),
    ...same('0.0000000000000000000000000000000000000001', '1.50', '1.5', `${'9'.repeat(200)}.${'1'.repeat(50)}`, 'NaN'),
  },
  { ...plain('endless', 'numeric', 'decimal', 'Infinity', '-Infinity'), since: 14 },
  {
    ...plain('thousands', 'numeric(2,-3)', 'decimal(2,-3)'),
    ...{ values: ['12345', "'-99000'"], cells: ['12000', '-99000'], since: 15 },
  },
  { ...plain('tiny', 'numeric(3,5)', 'decimal(3,5)', '0.00123', '-0.00999'), since: 15 },
  plain(
    'single',
    'real',
    'float32',
    '3.4028235e+38',
    '1.6777216e+07',
    '8.3886075e+06',
    '-0',
    'NaN',
    '-Infinity',
    '1e-45',
  ),
  plain('double_', 'double precision', 'float64', '0.30000000000000004', '-0', 'NaN', 'Infinity', '5e-324', '1e+22'),
  {
    ...plain('money_', 'money', 'decimal(19,2)'),
    ...{ values: ["'-92233720368547758.08'", '0.01'], cells: ['-92233720368547758.08', '0.01'] },
  },
]

const texts: readonly PostgresTypeCase[] = [
  plain('text_', 'text', 'text', NASTY_TEXT, '\\N', '\\.', '', 'NULL', 'null'),
  plain('limited', 'character varying(10)', 'text(10)', 'ab  ', ''),
  plain('unlimited', 'character varying', 'text', 'x'),
  // Trailing blanks mean nothing in a blank-padded type.
  { ...plain('padded', 'character(5)', 'text(5)'), values: ["'ab '", "''", "' a'"], cells: ['ab', '', ' a'] },
  plain('name_', 'name', 'text(63)', 'x'.repeat(63), 'Ünï'),
  plain('char_', '"char"', 'text(4)', 'a', ''),
  { ...plain('citext_', 'citext', 'text', 'MiXed'), extension: 'citext' },
  { ...plain('ltree_', 'ltree', 'text', 'Top.Science.Astronomy'), extension: 'ltree' },
  { ...plain('lquery_', 'lquery', 'text', 'Top.*{1,2}.!Sport'), extension: 'ltree' },
  plain('xml_', 'xml', 'text', '<a b="1">x &amp; y</a>'),
  plain('path_', 'jsonpath', 'text', '$."a"[*]?(@ > 1)'),
  plain('vector_', 'tsvector', 'text', "'a':1A 'b c':2"),
  plain('search_', 'tsquery', 'text', "'a' & !'b'"),
  plain('mood_', 'mood', 'text(63)', 'ok', 'it\'s, "odd"\\', 'ÄÖ', 'Ok'),
  {
    ...plain('code_', 'code', 'text(5)', 'abc'),
    cells: ['abc', 'none', 'none', 'none', 'none', 'none', 'none', 'none', 'none'],
  },
]

const bytes: readonly PostgresTypeCase[] = [
  {
    ...plain('raw', 'bytea', 'bytes', '\\x00ff0a0d225c5c4e09c328', '\\x'),
    ...{ values: ["'\\x00ff0a0d225c5c4e09c328'", "'\\x'"] },
  },
  plain('bits', 'bit(12)', 'bit(12)', '100000000001'),
  plain('some_bits', 'bit varying(16)', 'text(16)', '0010', '', '1'),
  plain('uuid_', 'uuid', 'uuid', '123e4567-e89b-12d3-a456-426614174000'),
]

const times: readonly PostgresTypeCase[] = [
  plain('day', 'date', 'date', '9999-12-31', 'infinity', '-infinity', '0044-03-15 BC', '5874897-12-31', '0001-01-01'),
  plain('clock', 'time(3) without time zone', 'time(3)', '23:59:59.999', '24:00:00', '00:00:00'),
  plain(
    'stamp',
    'timestamp without time zone',
    'timestamp',
    '294276-12-31 23:59:59.999999',
    'infinity',
    '0044-03-15 12:00:00 BC',
  ),
  plain('stamp0', 'timestamp(0) without time zone', 'timestamp(0)', '2024-02-29 23:59:59'),
  {
    ...plain('stamp_tz', 'timestamp with time zone', 'timestamptz'),
    values: ["'2024-06-01 12:00:00.5+03'", "'-infinity'", "'0044-03-15 12:00:00+00 BC'", "'2038-01-19 03:14:08+00'"],
    cells: ['2024-06-01 09:00:00.5+00', '-infinity', '0044-03-15 12:00:00+00 BC', '2038-01-19 03:14:08+00'],
  },
  plain('time_tz', 'time with time zone', 'text(24)', '23:59:59.999999-15:59:59', '12:00:00+15:59:59'),
  {
    ...plain('span', 'interval', 'interval'),
    values: [
      "'-838:59:59.5'",
      "'1 year -2 mons +3 days -04:05:06.789'",
      "'0'",
      "'1 mon'",
      "'30 days'",
      "'-0.5 seconds'",
    ],
    cells: ['PT-838H-59M-59.5S', 'P10M3DT-4H-5M-6.789S', 'PT0S', 'P1M', 'P30D', 'PT-0.5S'],
  },
]

const documents: readonly PostgresTypeCase[] = [
  plain('doc', 'json', 'json', '{"b": 1,  "a": "x\\u0000y", "a": 1.10}', 'null', '"\\\\N"'),
  plain('docb', 'jsonb', 'jsonb', '{"n": 12345678901234567890123, "t": "\\t\\\\", "x": 1.10}', '[]'),
  {
    ...plain('pair_', 'pair', 'json'),
    values: [`ROW('a,b "c"', 1.10, NULL)`, "ROW('', NULL, true)"],
    cells: ['{"label":"a,b \\"c\\"","amount":1.10,"Odd Name":null}', '{"label":"","amount":null,"Odd Name":true}'],
  },
  {
    ...plain('hstore_', 'hstore', 'json'),
    ...{ values: [`'a=>1, "b c"=>NULL'`], cells: ['{"a": "1", "b c": null}'], extension: 'hstore' },
  },
]

const arrays: readonly PostgresTypeCase[] = [
  plain(
    'words',
    'text[]',
    'array<text>',
    '{a,NULL,"NULL","c,d","\\"q\\"","back\\\\slash","tab\t",""}',
    '{}',
    '[0:1]={a,b}',
  ),
  plain('grid', 'integer[]', 'array<int32>', '{{1,2},{3,4}}'),
  plain('moods', 'mood[]', 'array<text(63)>', '{ok,NULL,"it\'s, \\"odd\\"\\\\"}'),
  {
    ...plain('sums', 'money[]', 'array<decimal(19,2)>'),
    values: ['ARRAY[1234.56, -1]::money[]'],
    cells: ['{1234.56,-1.00}'],
  },
  plain('blobs', 'bytea[]', 'array<bytes>', '{"\\\\x00ff","\\\\x"}'),
  plain('flags', 'boolean[]', 'array<boolean>', '{t,f,NULL}'),
  plain('stamps', 'timestamp with time zone[]', 'array<timestamptz>', '{"2024-06-01 09:00:00+00",infinity}'),
  plain('fives', 'character(5)[]', 'array<text(5)>', '{"ab   "}'),
  plain('pairs', 'pair[]', 'array<text>', '{"(\\"a,b\\",1.10,t)"}'),
  // Elements stand between semicolons.
  plain('boxes', 'box[]', 'text', '{(1,1),(0,0);(2,2),(1,1)}'),
  { ...plain('prices_', 'prices', 'array<decimal(8,2)>'), values: ["'{1.005,2}'"], cells: ['{1.01,2.00}'] },
  plain('oids', 'oidvector', 'text', '1 2 3'),
]

const others: readonly PostgresTypeCase[] = [
  plain('domain_', 'small_positive', 'int32', '1', '99'),
  plain('inet_', 'inet', 'text(43)', '192.168.0.1', '10.0.0.0/8', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/100'),
  plain('cidr_', 'cidr', 'text(43)', '10.1.0.0/16'),
  plain('mac', 'macaddr', 'text(17)', '08:00:2b:01:02:03'),
  plain('mac8', 'macaddr8', 'text(23)', '08:00:2b:01:02:03:04:05'),
  plain('range_', 'int4range', 'text', 'empty', '(,5)', '[1,)', '(,)'),
  plain('days', 'daterange', 'text', '[2024-01-01,infinity)', '(,2024-01-01)'),
  { ...plain('ranges', 'int4multirange', 'text', '{[1,3),[5,8)}', '{}'), since: 14 },
  plain('lsn', 'pg_lsn', 'text(17)', '16/B374D848', 'FFFFFFFF/FFFFFFFF'),
  plain('snapshot', 'pg_snapshot', 'text', '10:20:10,14,15'),
  plain('tid_', 'tid', 'text', '(4294967295,65535)'),
  plain('point_', 'point', 'text', '(1.5,-2)'),
  plain('line_', 'line', 'text', '{1,-1,0}'),
  plain('lseg_', 'lseg', 'text', '[(0,0),(1,1)]'),
  plain('box_', 'box', 'text', '(1,1),(0,0)'),
  plain('path2', 'path', 'text', '((0,0),(1,1))', '[(0,0),(1,1)]'),
  plain('polygon_', 'polygon', 'text', '((0,0),(1,1),(2,0))'),
  plain('circle_', 'circle', 'text', '<(0,0),1.5>'),
  {
    ...plain('generated', 'integer GENERATED ALWAYS AS (id * 10) STORED', 'int32'),
    ...{ declared: 'integer', values: [], cells: ['10', '20', '30', '40', '50', '60', '70', '80', '90'] },
  },
  plain('"Id, ""the"" order"', 'text', 'text', 'CamelCase'),
  plain('"order"', 'integer', 'int32', '1'),
]

/** Every type of Postgres, with the values that go wrong most often. */
export const postgresCases: readonly PostgresTypeCase[] = [
  ...numbers,
  ...texts,
  ...bytes,
  ...times,
  ...documents,
  ...arrays,
  ...others,
]
