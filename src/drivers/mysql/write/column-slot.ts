import type { Column } from '../../../core/batch.js'
import type { LogicalType } from '../../../core/column-type.js'
import type { MysqlPolicies } from '../policies.js'
import { parseColumnType } from './fit.js'
import { decimalRule, floatRule, yearRule } from './number-rules.js'
import { arrayRule, enumRule, geometryRule, jsonRule, lengthRule, setRule, uuidBytesRule } from './text-rules.js'
import { intervalRule, momentRule, textMomentRule, timeRule, timeWithZoneRule } from './time-rules.js'
import { isPadded, isTimeWithZone } from './types.js'
import type { RuleContext, ValueRule } from './value-rule.js'

/** How the bytes of a cell get into a statement: as text, `t` and `f` as 1 and 0, bytes as hex, bits as the hex of what
 * they make. */
export type Framing = 'text' | 'boolean' | 'bytes' | 'bits'

/** One column of a write: from the stream's cells to the target's column. */
export interface ColumnSlot {
  readonly name: string
  readonly framing: Framing
  /** Undefined where every cell goes through as it is. */
  readonly rule: ValueRule | undefined
  /** NULL is refused here, before the server puts a value of its own in its place. */
  readonly notNull: boolean
  /** What a cell is after its rule, and when it is read back from the target. */
  readonly stored: LogicalType
  /** The expression by which it is read back, where the plain column gives another form. */
  readonly readBack?: (identifier: string) => string
}

/** Works out how cells of `column` get into a column of this type. `count` is told each time that a policy decided. */
export function columnSlot(
  column: Column,
  into: { readonly type: string; readonly notNull: boolean },
  options: { readonly policies: MysqlPolicies; readonly mariadb: boolean; readonly count: (policy: string) => void },
): ColumnSlot {
  const context: RuleContext = { column: column.name, count: options.count }
  const chosen = choose(column, into.type, context, options.policies, options.mariadb)
  return { name: column.name, framing: 'text', rule: undefined, stored: column.type, notNull: into.notNull, ...chosen }
}

type Chosen = Partial<Pick<ColumnSlot, 'framing' | 'rule' | 'stored' | 'readBack'>>

function choose(column: Column, into: string, context: RuleContext, policies: MysqlPolicies, mariadb: boolean): Chosen {
  const { type } = column
  const target = parseColumnType(into)
  const digits = target.numbers[0] ?? 0
  if (target.name === 'bit') return { framing: 'bits' }
  if (target.name === 'year') return { rule: yearRule(context) }
  if (target.name === 'set') {
    return {
      rule: setRule(context, target.labels, type),
      stored: { kind: 'text' },
      readBack: (identifier) => `CAST(${identifier} AS CHAR)`,
    }
  }
  if (target.name === 'enum') return { rule: enumRule(context, target.labels) }
  switch (type.kind) {
    case 'boolean':
      return /^(tiny|small|medium|big)?int$|^decimal$/.test(target.name) ? { framing: 'boolean' } : {}
    case 'bytes':
      return isBlob(target.name) ? { framing: 'bytes' } : { framing: 'bytes', rule: geometryRule(context) }
    case 'uuid':
      return isBlob(target.name) ? { framing: 'bytes', rule: uuidBytesRule(context), stored: { kind: 'bytes' } } : {}
    case 'float32':
    case 'float64':
      return isText(target.name) ? { stored: { kind: 'text' } } : { rule: floatRule(context, policies) }
    case 'array':
      return array(column, type, target.name, context, policies)
    case 'interval':
      if (target.name === 'time') return { rule: intervalRule(context, 'time', digits) }
      if (isText(target.name)) return {}
      return { rule: intervalRule(context, 'micros', 0), stored: { kind: 'int64' } }
    case 'json':
      return target.name === 'json' && !mariadb ? { rule: jsonRule(context, policies) } : {}
    default:
      return plain(column, target.name, target.numbers, context, policies)
  }
}

function plain(
  { type, sourceType }: Column,
  into: string,
  numbers: readonly number[],
  context: RuleContext,
  policies: MysqlPolicies,
): Chosen {
  const [digits = 0] = numbers
  if (into === 'decimal') {
    if (!['decimal', 'text'].includes(type.kind)) return {}
    const unbounded = type.kind === 'decimal' && type.precision === undefined
    return { rule: decimalRule(context, policies, numbers, unbounded), stored: { kind: 'decimal' } }
  }
  if (type.kind === 'decimal' && !isText(into)) return { rule: floatRule(context, policies) }
  if (into === 'date' || into === 'datetime' || into === 'timestamp') {
    const moment = ['date', 'timestamp', 'timestamptz'].includes(type.kind)
    if (!moment) return { rule: textMomentRule(context, digits) }
    const stored: LogicalType = into === 'date' ? { kind: 'date' } : { kind: 'timestamp' }
    return { rule: momentRule(context, policies, into, digits, type.kind === 'timestamptz'), stored }
  }
  if (into === 'time') {
    const stored: LogicalType = { kind: 'time' }
    if (isTimeWithZone(sourceType)) return { rule: timeWithZoneRule(context, digits), stored }
    return { rule: type.kind === 'time' ? timeRule(context, digits) : textMomentRule(context, digits), stored }
  }
  if (into === 'char' || into === 'varchar') {
    const stored: LogicalType = type.kind === 'text' ? { kind: 'text' } : type
    return { rule: lengthRule(context, digits, into === 'char', into === 'char' && isPadded(sourceType)), stored }
  }
  return {}
}

function array(
  column: Column,
  type: Extract<LogicalType, { kind: 'array' }>,
  into: string,
  context: RuleContext,
  policies: MysqlPolicies,
): Chosen {
  if (policies.arrays === 'text') return { stored: { kind: 'text' } }
  const delimiter = column.sourceType === 'box[]' ? ';' : ','
  return {
    rule: arrayRule(context, type.element, delimiter),
    stored: into === 'json' || isText(into) ? { kind: 'json' } : { kind: 'text' },
  }
}

function isText(name: string): boolean {
  return /^(char|varchar|tinytext|text|mediumtext|longtext)$/.test(name)
}

function isBlob(name: string): boolean {
  return /^(binary|varbinary|tinyblob|blob|mediumblob|longblob)$/.test(name)
}
