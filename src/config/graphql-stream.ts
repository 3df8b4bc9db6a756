import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import type { GraphqlField, GraphqlNested, GraphqlPaging, GraphqlRead, GraphqlWrite } from '../core/graphql-read.js'
import { AirlockError } from '../errors/index.js'
import { type FieldPath, invalidField, type PlaceMap } from './place.js'
import { readTextFile } from './read-text-file.js'

const text = () => z.string().min(1)
const path = () => z.string().regex(/^[_A-Za-z]\w*(?:\.[_A-Za-z]\w*)*$/)
const variable = () => z.string().regex(/^[_A-Za-z]\w*$/)
const size = () => z.int().min(1).max(100_000).optional()

const paging = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({ kind: z.literal('relay'), size: size() }),
  z.strictObject({
    kind: z.literal('cursor'),
    next: path().describe('Path of the next cursor in data.'),
    variable: variable(),
    size: size(),
    size_variable: variable().optional(),
  }),
  z.strictObject({
    kind: z.literal('offset'),
    variable: variable(),
    size: size(),
    size_variable: variable().optional(),
  }),
  z.strictObject({
    kind: z.literal('page'),
    variable: variable(),
    first: z.int().min(0).optional(),
    size: size(),
    size_variable: variable().optional(),
  }),
])

const document = {
  document: text().optional().describe('A GraphQL document.'),
  file: text().optional().describe('Its file, relative to this one.'),
}

/** `graphql:` of a stream: what is read from a GraphQL source. */
export const graphqlStream = z.strictObject({
  ...document,
  records: path().optional().describe('Path of the records in data: a list or a connection.'),
  fields: z
    .record(text(), z.union([path(), z.strictObject({ path: path(), type: text().optional() })]))
    .optional()
    .describe('Column → path in a record, or {path, type}.'),
  variables: z.record(variable(), z.unknown()).optional(),
  paging: paging.optional(),
  max_pages: z.int().min(1).optional(),
  partial: z.enum(['fail', 'allow']).optional().describe('What an answer with both errors and data is.'),
  nested: z
    .record(
      text(),
      z.strictObject({
        ...document,
        records: path(),
        variables: z.record(variable(), path()).optional(),
        after: variable(),
      }),
    )
    .optional()
    .describe('How further pages of a connection within a record are asked for.'),
})

/** `mutation:` of a stream: what takes the rows at a GraphQL target. */
export const graphqlMutation = z.strictObject({
  ...document,
  columns: z.record(text(), path()).optional().describe('Column → path in the variables, or in an element of `rows`.'),
  variables: z.record(variable(), z.unknown()).optional(),
  rows: path().optional().describe('Path of the list in the variables that takes the rows.'),
  batch: z.int().min(1).max(10_000).optional().describe('Rows of a request, for `rows`.'),
  concurrency: z.int().min(1).max(16).optional(),
  idempotency_header: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9-]{0,60}$/)
    .optional(),
  errors_path: path().optional().describe('Path in data of a list that is empty where nothing went wrong.'),
  count_path: path().optional().describe('Path in data of the number of rows that were taken.'),
  max_rejected: z.int().min(0).optional(),
  quarantine: z
    .strictObject({ path: text(), max_bytes: z.int().min(1024).optional() })
    .optional()
    .describe('File for the keys of rejected rows.'),
})

interface Written {
  readonly document?: string | undefined
  readonly file?: string | undefined
}

/** What a stream reads from or writes to a GraphQL service, with its documents. Throws CONFIG_INVALID. */
export async function graphqlOf(
  file: PlaceMap,
  at: FieldPath,
  written: {
    readonly graphql?: z.output<typeof graphqlStream> | undefined
    readonly mutation?: z.output<typeof graphqlMutation> | undefined
  },
  pipelinePath: string,
): Promise<{ readonly graphql?: GraphqlRead; readonly mutation?: GraphqlWrite }> {
  const { graphql, mutation } = written
  return {
    ...(graphql === undefined ? {} : { graphql: await graphqlRead(file, [...at, 'graphql'], graphql, pipelinePath) }),
    ...(mutation === undefined
      ? {}
      : { mutation: await graphqlWrite(file, [...at, 'mutation'], mutation, pipelinePath) }),
  }
}

async function graphqlRead(
  file: PlaceMap,
  at: FieldPath,
  written: z.output<typeof graphqlStream>,
  pipelinePath: string,
): Promise<GraphqlRead> {
  const { records, variables, max_pages: maxPages, partial } = written
  const fields = written.fields && mapValues(written.fields, fieldOf)
  const nested: Record<string, GraphqlNested> = {}
  for (const [name, one] of Object.entries(written.nested ?? {})) {
    const document = await documentOf(file, [...at, 'nested', name], one, pipelinePath)
    nested[name] = { document, records: one.records, variables: one.variables ?? {}, after: one.after }
  }
  return {
    document: await documentOf(file, at, written, pipelinePath),
    ...(records === undefined ? {} : { records }),
    ...(variables === undefined ? {} : { variables }),
    ...(fields === undefined ? {} : { fields }),
    ...(written.paging === undefined ? {} : { paging: pagingOf(written.paging) }),
    ...(maxPages === undefined ? {} : { maxPages }),
    ...(partial === undefined ? {} : { partial }),
    ...(written.nested === undefined ? {} : { nested }),
  }
}

async function graphqlWrite(
  file: PlaceMap,
  at: FieldPath,
  written: z.output<typeof graphqlMutation>,
  pipelinePath: string,
): Promise<GraphqlWrite> {
  const { columns, variables, rows, batch, concurrency, quarantine } = written
  const { idempotency_header: idempotencyHeader, errors_path: errors, count_path: count } = written
  const maxBytes = quarantine?.max_bytes
  return {
    document: await documentOf(file, at, written, pipelinePath),
    ...(columns === undefined ? {} : { columns }),
    ...(variables === undefined ? {} : { variables }),
    ...(rows === undefined ? {} : { rows }),
    ...(batch === undefined ? {} : { batch }),
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(idempotencyHeader === undefined ? {} : { idempotencyHeader }),
    ...(errors === undefined ? {} : { errors }),
    ...(count === undefined ? {} : { count }),
    ...(written.max_rejected === undefined ? {} : { maxRejected: written.max_rejected }),
    ...(quarantine === undefined
      ? {}
      : {
          quarantine: {
            path: resolve(dirname(pipelinePath), quarantine.path),
            ...(maxBytes === undefined ? {} : { maxBytes }),
          },
        }),
  }
}

async function documentOf(file: PlaceMap, at: FieldPath, written: Written, pipelinePath: string): Promise<string> {
  if ((written.document === undefined) === (written.file === undefined)) {
    throw invalidField(file, at, 'give either `document` or `file`')
  }
  if (written.document !== undefined) return written.document
  try {
    return (await readTextFile(resolve(dirname(pipelinePath), written.file!))).text
  } catch (error) {
    if (!(error instanceof AirlockError)) throw error
    throw invalidField(file, [...at, 'file'], 'the file cannot be read')
  }
}

function fieldOf(written: string | { readonly path: string; readonly type?: string | undefined }): GraphqlField {
  if (typeof written === 'string') return { path: written }
  return written.type === undefined ? { path: written.path } : { path: written.path, type: written.type }
}

function pagingOf(written: z.output<typeof paging>): GraphqlPaging {
  if (written.kind === 'none') return written
  const sized = written.size === undefined ? {} : { size: written.size }
  if (written.kind === 'relay') return { kind: 'relay', ...sized }
  const more = { ...sized, ...(written.size_variable === undefined ? {} : { sizeVariable: written.size_variable }) }
  if (written.kind === 'cursor') return { kind: 'cursor', next: written.next, variable: written.variable, ...more }
  if (written.kind === 'offset') return { kind: 'offset', variable: written.variable, ...more }
  return {
    kind: 'page',
    variable: written.variable,
    ...(written.first === undefined ? {} : { first: written.first }),
    ...more,
  }
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]))
}
