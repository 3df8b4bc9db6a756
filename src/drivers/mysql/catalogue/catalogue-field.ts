import type { WireField } from '../native.js'

/** One row of `information_schema.columns`, as far as a type is made of it. */
export interface CatalogueColumn {
  readonly name: string
  /** E.g. `int`, `varchar`. */
  readonly dataType: string
  /** With its width and attributes, e.g. `int(10) unsigned zerofill`. */
  readonly columnType: string
  readonly nullable: boolean
  readonly characters: number | undefined
  readonly bytes: number | undefined
  readonly precision: number | undefined
  readonly scale: number | undefined
  readonly fraction: number | undefined
  /** MariaDB's JSON is a text with a check. */
  readonly checkedJson: boolean
}

const FLAG = { NOT_NULL: 1, UNSIGNED: 32, ZEROFILL: 64, ENUM: 256, SET: 2048 } as const
const BINARY = 63
const UTF8MB4 = 45

const TYPES: Readonly<Record<string, number>> = {
  tinyint: 0x01,
  smallint: 0x02,
  mediumint: 0x09,
  int: 0x03,
  bigint: 0x08,
  float: 0x04,
  double: 0x05,
  decimal: 0xf6,
  date: 0x0a,
  datetime: 0x0c,
  timestamp: 0x07,
  time: 0x0b,
  year: 0x0d,
  bit: 0x10,
  json: 0xf5,
  vector: 0xf2,
  char: 0xfe,
  binary: 0xfe,
  enum: 0xfe,
  set: 0xfe,
  varchar: 0xfd,
  varbinary: 0xfd,
  tinytext: 0xfc,
  text: 0xfc,
  mediumtext: 0xfc,
  longtext: 0xfc,
  tinyblob: 0xfc,
  blob: 0xfc,
  mediumblob: 0xfc,
  longblob: 0xfc,
}

/** Characters of types that the catalogue gives no length for. */
const LENGTHS: Readonly<Record<string, number>> = { inet4: 15, inet6: 39 }

const GEOMETRIES =
  /^(geometry|point|linestring|polygon|multipoint|multilinestring|multipolygon|geometrycollection|geomcollection)$/

/** What the wire would say of the column: so that the catalogue and a read agree on every type, of however many tables
 * at once. */
export function fieldOfCatalogue(column: CatalogueColumn): WireField {
  const { dataType, columnType } = column
  const unsigned = /\bunsigned\b/.test(columnType)
  const flags =
    (column.nullable ? 0 : FLAG.NOT_NULL) |
    (unsigned ? FLAG.UNSIGNED : 0) |
    (/\bzerofill\b/.test(columnType) ? FLAG.ZEROFILL : 0) |
    (dataType === 'enum' ? FLAG.ENUM : 0) |
    (dataType === 'set' ? FLAG.SET : 0)
  const type = GEOMETRIES.test(dataType) ? 0xff : TYPES[dataType]
  return {
    name: column.name,
    // What has no number of its own travels as a string under its name: uuid, inet6.
    type: type ?? 0xfe,
    flags,
    length: lengthOf(column, unsigned),
    decimals: column.fraction ?? column.scale ?? 0,
    charset: /blob|binary/.test(dataType) ? BINARY : UTF8MB4,
    extended: column.checkedJson ? 'json' : type === undefined ? dataType : undefined,
  }
}

function lengthOf(column: CatalogueColumn, unsigned: boolean): number {
  const { dataType, columnType, precision = 0, scale = 0 } = column
  switch (dataType) {
    case 'tinyint':
      return columnType.startsWith('tinyint(1)') ? 1 : 4
    case 'bit':
      return precision
    case 'decimal':
      return precision + (scale > 0 ? 1 : 0) + (unsigned ? 0 : 1)
    case 'binary':
    case 'varbinary':
      return column.bytes ?? 0
    default:
      return (LENGTHS[dataType] ?? column.characters ?? 0) * 4
  }
}
