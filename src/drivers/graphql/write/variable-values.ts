import type { GraphQLInputType } from 'graphql'
import type { Column } from '../../../core/batch.js'
import { AirlockError } from '../../../errors/index.js'
import type { GraphqlLibrary } from '../native.js'
import type { GraphqlPolicies } from '../policies.js'

/** The JSON text of one cell. Throws VALUE_REJECTED for a value that the variable cannot hold. */
export type ToVariable = (cell: Uint8Array | null) => string

const INTEGER = /^-?\d{1,10}$/
const FINITE = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?$/i

/** How cells of a column become values of a variable. Numbers keep their digits: what has more of them than every server
 * can be trusted with (64-bit integers, decimals) goes to custom scalars as a string. Without a known type the column's
 * own decides. Throws TYPE_UNSUPPORTED for what has no form in JSON. */
export function toVariable(
  library: GraphqlLibrary,
  column: Column,
  type: GraphQLInputType | undefined,
  policies: GraphqlPolicies,
): ToVariable {
  const { kind } = column.type
  const list = type !== undefined && library.isListType(library.getNullableType(type))
  const name = type === undefined ? undefined : library.getNamedType(type).name
  if (kind === 'array' && name !== 'String') {
    throw new AirlockError('TYPE_UNSUPPORTED', { phase: 'plan', params: { at: column.name } })
  }
  const write = list && kind === 'json' ? raw : writerFor(name, column, policies)
  return (cell) => {
    if (cell === null) return 'null'
    const text = write(cell)
    if (text === undefined) throw new AirlockError('VALUE_REJECTED', { phase: 'write' })
    // A single value stands for a list of one (GraphQL specification, section 3.11, input coercion).
    return text
  }
}

type Write = (cell: Uint8Array) => string | undefined

function writerFor(name: string | undefined, { type: { kind } }: Column, policies: GraphqlPolicies): Write {
  switch (name) {
    case 'Int':
      return (cell) => integer(textOf(cell))
    case 'Float':
      return (cell) => finite(textOf(cell))
    case 'Boolean':
      return (cell) => truth(textOf(cell), kind)
    case 'String':
    case 'ID':
      return quoted(kind, policies)
    default:
      return byKind(kind, policies)
  }
}

function byKind(kind: Column['type']['kind'], policies: GraphqlPolicies): Write {
  switch (kind) {
    case 'json':
      return raw
    case 'boolean':
      return (cell) => truth(textOf(cell), kind)
    case 'int16':
    case 'int32':
      return (cell) => textOf(cell)
    case 'float32':
    case 'float64':
      return (cell) => finite(textOf(cell))
    default:
      return quoted(kind, policies)
  }
}

function raw(cell: Uint8Array): string {
  return textOf(cell)
}

function quoted(kind: Column['type']['kind'], policies: GraphqlPolicies): Write {
  switch (kind) {
    case 'bytes': {
      const encoding = policies.is('bytes_as', 'hex') ? 'hex' : 'base64'
      return (cell) => JSON.stringify(bufferOf(cell).toString(encoding))
    }
    case 'boolean':
      return (cell) => (textOf(cell) === 't' ? '"true"' : '"false"')
    case 'timestamp':
    case 'timestamptz':
      return (cell) => moment(textOf(cell))
    case 'date':
      return (cell) => (/^\d{4}-\d\d-\d\d$/.test(textOf(cell)) ? JSON.stringify(textOf(cell)) : undefined)
    default:
      return (cell) => JSON.stringify(textOf(cell))
  }
}

/** RFC 3339, which has neither infinity nor years before 1 or beyond 9999. */
function moment(text: string): string | undefined {
  const [, day, time, zone] = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)(\+00)?$/.exec(text) ?? []
  return day === undefined ? undefined : `"${day}T${time}${zone === undefined ? '' : 'Z'}"`
}

function integer(text: string): string | undefined {
  const number = INTEGER.test(text) ? Number(text) : Number.NaN
  return number >= -(2 ** 31) && number < 2 ** 31 ? String(number) : undefined
}

function finite(text: string): string | undefined {
  return FINITE.test(text) ? text : undefined
}

function truth(text: string, kind: Column['type']['kind']): string | undefined {
  if (kind === 'boolean') return text === 't' ? 'true' : 'false'
  return text === '1' || text === 'true' ? 'true' : text === '0' || text === 'false' ? 'false' : undefined
}

function textOf(cell: Uint8Array): string {
  return bufferOf(cell).toString('utf8')
}

function bufferOf(cell: Uint8Array): Buffer {
  return Buffer.from(cell.buffer, cell.byteOffset, cell.byteLength)
}
