import type { Column } from '../../../../core/batch.js'
import type { LogicalKind } from '../../../../core/column-type.js'

/** How the cells of a column are written in COPY's binary format. */
export const FORM = {
  text: 0,
  /** JSON text whose `\u0000` are taken out. */
  escaped: 1,
  /** Either of them behind the version of jsonb's format. */
  jsonb: 2,
  escapedJsonb: 16,
  bytes: 3,
  int2: 4,
  int4: 5,
  int8: 6,
  numeric: 7,
  float4: 8,
  float8: 9,
  boolean: 10,
  uuid: 11,
  date: 12,
  time: 13,
  timestamp: 14,
  timestamptz: 15,
} as const

export type Form = (typeof FORM)[keyof typeof FORM]

const WHOLE: readonly LogicalKind[] = ['int16', 'int32', 'int64', 'uint64', 'decimal']
const REAL: readonly LogicalKind[] = [...WHOLE, 'float32', 'float64']
const WORDS: readonly LogicalKind[] = [...REAL, 'boolean', 'text', 'date', 'time', 'timestamp', 'timestamptz', 'uuid']

const INTEGERS: readonly Form[] = [FORM.int2, FORM.int4, FORM.int8]

interface Target {
  readonly form: Form
  /** What may go into it in this form, and means the same as its text would. */
  readonly from: readonly LogicalKind[]
}

/** The base types whose binary form is the same in every supported version, by the name that the catalogue has for them,
 * without a modifier. Length, precision and scale are applied by the server as it does to text. Others, such as domains,
 * enumerations and arrays, are not here. */
const TARGETS: Readonly<Record<string, Target>> = {
  smallint: { form: FORM.int2, from: WHOLE },
  integer: { form: FORM.int4, from: WHOLE },
  bigint: { form: FORM.int8, from: WHOLE },
  numeric: { form: FORM.numeric, from: WHOLE },
  real: { form: FORM.float4, from: REAL },
  'double precision': { form: FORM.float8, from: REAL },
  boolean: { form: FORM.boolean, from: ['boolean'] },
  text: { form: FORM.text, from: [...WORDS, 'json'] },
  'character varying': { form: FORM.text, from: [...WORDS, 'json'] },
  character: { form: FORM.text, from: WORDS },
  bytea: { form: FORM.bytes, from: ['bytes'] },
  uuid: { form: FORM.uuid, from: ['uuid', 'text'] },
  date: { form: FORM.date, from: ['date'] },
  'time without time zone': { form: FORM.time, from: ['time'] },
  'timestamp without time zone': { form: FORM.timestamp, from: ['timestamp', 'date'] },
  'timestamp with time zone': { form: FORM.timestamptz, from: ['timestamptz', 'timestamp', 'date'] },
  json: { form: FORM.text, from: ['json'] },
  jsonb: { form: FORM.jsonb, from: ['json'] },
}

/** The form of each column, by the types that the target declares; undefined where one of them has none, so that the rows
 * go as text. So do rows of nothing but integers: the server parses those as fast out of text, which is shorter. */
export function binaryForms(
  columns: readonly Column[],
  typeOf: (column: Column) => string | undefined,
): readonly Form[] | undefined {
  const forms: Form[] = []
  for (const column of columns) {
    const declared = typeOf(column)?.replace(/\(\d+(,-?\d+)?\)/, '') ?? ''
    const target = Object.hasOwn(TARGETS, declared) ? TARGETS[declared]! : undefined
    if (target?.from.includes(column.type.kind) !== true) return undefined
    const { type } = column
    const escaped = type.kind === 'json' && type.storage !== 'json'
    forms.push(escaped ? (target.form === FORM.jsonb ? FORM.escapedJsonb : FORM.escaped) : target.form)
  }
  return forms.every((form) => INTEGERS.includes(form)) ? undefined : forms
}
