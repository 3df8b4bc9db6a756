import { z } from 'zod'
import { fieldRole } from '../core/config-fields.js'
import { suggest } from '../core/suggest.js'
import type { AirlockError } from '../errors/index.js'
import { schemaAt, valueAt } from './field-walk.js'
import { type FieldPath, fieldError, invalidField, type PlaceMap, printableKey } from './place.js'

type Issue = z.core.$ZodIssue

/** What a schema's issues are reported against. */
export interface IssueContext {
  readonly file: PlaceMap
  readonly schema: z.ZodType
  readonly value: unknown
  /** Where `value` stands in the file. */
  readonly base: FieldPath
  /** What other tools call a key that Airlock names otherwise. */
  readonly otherNames?: Readonly<Record<string, string>>
}

/** The first issue in the order of the file as an AirlockError: CONFIG_UNKNOWN_KEY with a "did you mean", else
 * CONFIG_INVALID. Unknown keys go first: a field that is missing may only be misspelt. Its sentence is built from the schema alone, never from the value. */
export function schemaProblem(issues: readonly Issue[], context: IssueContext): AirlockError {
  const errors = issues.flatMap((issue) => problems(issue, context))
  errors.sort((a, b) => Number(b.unknown) - Number(a.unknown) || a.line - b.line)
  return (errors[0] as Problem).error()
}

const MISSING_SECRET = 'expected a reference such as ${env:NAME}'

interface Problem {
  readonly line: number
  readonly unknown: boolean
  readonly error: () => AirlockError
}

function problems(issue: Issue, context: IssueContext): Problem[] {
  const { file, base } = context
  const path = [...base, ...issue.path]
  const at = (full: FieldPath, error: () => AirlockError): Problem => ({
    line: file.line(full),
    unknown: issue.code === 'unrecognized_keys',
    error,
  })
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => at([...path, key], () => unknownKey(key, issue.path, path, context)))
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    // The branch that fits the kind of the value says more than "no branch fits".
    const branch = issue.errors.find((nested) => !nested.some((one) => one.path.length === 0 && isTypeIssue(one)))
    if (branch === undefined) return [at(path, () => invalidField(file, path, `expected ${kindsOf(issue.errors)}`))]
    return branch.flatMap((nested) => problems({ ...nested, path: [...issue.path, ...nested.path] }, context))
  }
  const schema = schemaAt(context.schema, context.value, issue.path)
  const isSecret = schema !== undefined && fieldRole(schema) === 'secret'
  return [at(path, () => invalidField(file, path, isSecret ? MISSING_SECRET : sentence(issue)))]
}

function unknownKey(key: string, within: FieldPath, path: FieldPath, context: IssueContext): AirlockError {
  const parent = schemaAt(context.schema, context.value, within)
  const known = parent instanceof z.ZodObject ? Object.keys(parent.shape) : []
  const other = context.otherNames?.[key]
  const suggestion = other !== undefined && known.includes(other) ? ` Did you mean "${other}"?` : suggest(key, known)
  const shown = suggestion === '' ? printableKey(key, valueAt(context.value, [...within, key])) : key
  const place = { ...context.file, name: context.file.name, line: () => context.file.line([...path, key]) }
  return fieldError('CONFIG_UNKNOWN_KEY', place, [...path, shown], { suggestion })
}

function isTypeIssue(issue: Issue): boolean {
  return issue.code === 'invalid_type' || issue.code === 'invalid_value'
}

function kindsOf(errors: readonly (readonly Issue[])[]): string {
  const kinds = errors.flat().flatMap((issue) => (issue.code === 'invalid_type' ? [kindName(issue.expected)] : []))
  return [...new Set(kinds)].join(' or ') || 'another kind of value'
}

const KIND_NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a map',
  record: 'a map',
  array: 'a list',
  null: 'nothing',
}

function kindName(expected: string): string {
  return KIND_NAMES[expected] ?? expected
}

function sentence(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${kindName(issue.expected)}`
    case 'invalid_value':
      return `expected ${choices(issue.values)}`
    case 'invalid_union':
      return `expected ${choices('options' in issue ? (issue.options as readonly unknown[]) : [])}`
    case 'too_small':
      return issue.origin === 'string' || issue.origin === 'array' || issue.origin === 'set' || issue.origin === 'map'
        ? 'it must not be empty'
        : `it must be at least ${issue.minimum}`
    case 'too_big':
      return issue.origin === 'number' || issue.origin === 'int'
        ? `it must be at most ${issue.maximum}`
        : 'it is too long'
    case 'invalid_format':
    case 'invalid_key':
      return 'it has characters that are not allowed here'
    // The schemas' own refinements: sentences written by whoever wrote the schema.
    case 'custom':
      return issue.message
    default:
      return 'the value does not fit'
  }
}

function choices(values: readonly unknown[]): string {
  return values.length === 0
    ? 'another value'
    : values
        .map(String)
        .join(', ')
        .replace(/, ([^,]*)$/, ' or $1')
}
