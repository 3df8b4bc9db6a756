import type { Column } from '../../../core/batch.js'
import type { LogicalType } from '../../../core/column-type.js'
import type { GraphqlField } from '../../../core/graphql-read.js'
import { suggest } from '../../../core/suggest.js'
import { configInvalid } from '../document.js'
import { type BranchContext, branchOf } from './branch.js'
import { FIELD_TYPES, scalarType } from './scalars.js'
import type { SelectedField } from './selection.js'
import type { SourceColumn } from './source.js'

/** The columns of a record: those of `fields`, or one for each of its fields. */
export function sourceColumns(
  record: SelectedField,
  fields: Readonly<Record<string, GraphqlField>> | undefined,
  context: BranchContext,
): readonly SourceColumn[] {
  if (fields !== undefined) return Object.entries(fields).map(([name, field]) => mapped(record, name, field, context))
  return context.selection.children(record).map((field) => columnOf(field.name, [record, field], undefined, context))
}

function mapped(
  record: SelectedField,
  name: string,
  { path, type }: GraphqlField,
  context: BranchContext,
): SourceColumn {
  const at = `graphql.fields.${name}`
  const { selection } = context
  const chain = [record]
  const steps = path.split('.')
  for (let step = 0; step < steps.length; step++) {
    const here = chain.at(-1)!
    // The list of a connection stands for the connection: its first page is not all of it.
    const connection = step === 0 ? undefined : selection.connection(here)
    if (connection !== undefined && [connection.list, 'edges.node'].includes(steps.slice(step).join('.'))) break
    if (step > 0 && selection.isList(here) === true) throw configInvalid(at, 'it leads through a list')
    const fields = selection.children(here)
    const next = fields.find((one) => one.name === steps[step])
    if (next === undefined) {
      const suggestion = suggest(
        steps[step]!,
        fields.map((one) => one.name),
      )
      throw configInvalid(at, `the document does not select that.${suggestion}`.replace(/\.$/, ''))
    }
    chain.push(next)
  }
  return columnOf(name, chain, type, context)
}

/** `chain` leads from the record to the field. */
function columnOf(
  name: string,
  chain: readonly SelectedField[],
  type: string | undefined,
  context: BranchContext,
): SourceColumn {
  const { selection, library } = context
  const field = chain.at(-1)!
  const branch = branchOf(field, chain.at(-2)!, name, context)
  const column: Column = {
    name,
    type:
      type === undefined || branch !== undefined
        ? typeOf(field, context)
        : ({ kind: kindOf(type, name) } as LogicalType),
    nullable: chain.slice(1).some((one) => selection.isNullable(one)),
    sourceType: field.type === undefined ? 'unknown' : String(library.getNullableType(field.type)),
    keyPosition: 0,
  }
  return { column, path: chain.slice(1).map((one) => one.name), branch }
}

function typeOf(field: SelectedField, { selection, library }: BranchContext): LogicalType {
  if (selection.isObject(field) || selection.isList(field) === true) return { kind: 'json' }
  const type = field.type === undefined ? undefined : library.getNamedType(field.type)
  return library.isScalarType(type) ? scalarType(type.name) : { kind: 'text' }
}

function kindOf(type: string, name: string): LogicalType['kind'] {
  const kind = FIELD_TYPES.find((one) => one === type)
  if (kind === undefined)
    throw configInvalid(`graphql.fields.${name}.type`, `the choices are ${FIELD_TYPES.join(', ')}`)
  return kind
}
