import { z } from 'zod'
import { type FieldRole, fieldRole } from '../core/config-fields.js'
import type { FieldPath } from './place.js'

/** One value of a configuration that is neither a map nor a list, and what its schema says of it. */
export interface Field {
  readonly path: FieldPath
  readonly value: unknown
  /** Undefined for a key that the schema does not know. */
  readonly schema: z.ZodType | undefined
  readonly role: FieldRole | undefined
}

/** Every field of a value in the order of the file. A secret field is one field whatever stands in it. */
export function fieldsOf(schema: z.ZodType | undefined, value: unknown, path: FieldPath = []): Field[] {
  const here = schema === undefined ? undefined : narrow(schema, value)
  const role = here === undefined ? undefined : fieldRole(here)
  if (role === 'secret' || !isContainer(value)) return [{ path, value, schema: here, role }]
  const entries: readonly (readonly [PropertyKey, unknown])[] = Array.isArray(value)
    ? value.map((item, index) => [index, item] as const)
    : Object.entries(value)
  return entries.flatMap(([key, item]) => fieldsOf(childOf(here, key), item, [...path, key]))
}

/** A deep copy of plain data with the fields at some paths replaced. */
export function replaceFields(value: unknown, replacements: readonly (readonly [FieldPath, unknown])[]): unknown {
  const byPath = new Map(replacements.map(([path, replacement]) => [JSON.stringify(path), replacement]))
  const copy = (part: unknown, path: FieldPath): unknown => {
    const key = JSON.stringify(path)
    if (byPath.has(key)) return byPath.get(key)
    if (!isContainer(part)) return part
    if (Array.isArray(part)) return part.map((item, index) => copy(item, [...path, index]))
    return Object.fromEntries(Object.entries(part).map(([name, item]) => [name, copy(item, [...path, name])]))
  }
  return copy(value, [])
}

/** The schema at a path below `schema`, unwrapped; undefined where the schema knows no such place. */
export function schemaAt(schema: z.ZodType, value: unknown, path: FieldPath): z.ZodType | undefined {
  let here: z.ZodType | undefined = narrow(schema, value)
  let part = value
  for (const step of path) {
    const child: z.ZodType | undefined = childOf(here, step)
    part = isContainer(part) ? (part as Record<PropertyKey, unknown>)[step] : undefined
    if (child === undefined) return undefined
    here = narrow(child, part)
  }
  return here
}

/** The value at a path of plain data; undefined where there is none. */
export function valueAt(value: unknown, path: FieldPath): unknown {
  let part = value
  for (const step of path) part = isContainer(part) ? (part as Record<PropertyKey, unknown>)[step] : undefined
  return part
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null && (Array.isArray(value) || isPlain(value))
}

function isPlain(value: object): boolean {
  return Object.getPrototypeOf(value) === Object.prototype
}

function childOf(schema: z.ZodType | undefined, key: PropertyKey): z.ZodType | undefined {
  if (schema instanceof z.ZodObject) {
    const name = String(key)
    return Object.hasOwn(schema.shape, name) ? (schema.shape[name] as z.ZodType) : undefined
  }
  if (schema instanceof z.ZodRecord) return schema.valueType as z.ZodType
  if (schema instanceof z.ZodArray) return schema.element as z.ZodType
  return undefined
}

/** Takes off what wraps a schema without changing what a file may hold, and picks the option of a union that the value is
 * meant for. Keeps a wrapper that carries a role. */
function narrow(schema: z.ZodType, value: unknown): z.ZodType {
  if (fieldRole(schema) !== undefined) return schema
  if (schema instanceof z.ZodUnion) return narrow(chosenOption(schema.options as z.ZodType[], value), value)
  if (schema instanceof z.ZodPipe) return narrow(schema.in as z.ZodType, value)
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodReadonly
  ) {
    return narrow(schema.unwrap() as z.ZodType, value)
  }
  return schema
}

function chosenOption(options: readonly z.ZodType[], value: unknown): z.ZodType {
  const bare = options.map((option) => narrow(option, value))
  if (Array.isArray(value)) return bare.find((option) => option instanceof z.ZodArray) ?? bare[0]!
  if (isContainer(value)) {
    const objects = bare.filter((option) => option instanceof z.ZodObject)
    // A discriminated union: the option whose literal fields agree with the value.
    const agreeing = objects.find((option) =>
      Object.entries(option.shape).every(
        ([name, field]) =>
          !(field instanceof z.ZodLiteral) || field.values.has((value as Record<string, never>)[name]!),
      ),
    )
    return agreeing ?? bare.find((option) => option instanceof z.ZodRecord) ?? objects[0] ?? bare[0]!
  }
  // A text that may be a secret is treated as one.
  return bare.find((option) => fieldRole(option) === 'secret') ?? bare[0]!
}
