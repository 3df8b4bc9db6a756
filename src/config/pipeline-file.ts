import { z } from 'zod'
import type { MergeStrategy, ReplaceStrategy, WriteStrategy } from '../core/driver.js'
import { graphqlMutation, graphqlStream } from './graphql-stream.js'
import type { PipelineMode } from './pipeline.js'

const MODES = ['append', 'replace', 'merge', 'delete+insert'] as const satisfies readonly PipelineMode[]

/** Every strategy that a stream may name. */
export const STRATEGIES = [
  'upsert',
  'delete-insert',
  'insert-only',
  'scd2',
  'truncate',
  'delete',
  'swap',
] as const satisfies readonly (MergeStrategy | ReplaceStrategy)[]

/** What other tools call the modes. */
const MODE_ALIASES = {
  insert: 'append',
  'full-refresh': 'replace',
  truncate: 'replace',
  overwrite: 'replace',
  incremental: 'merge',
  upsert: 'merge',
  'delete-insert': 'merge',
  'insert-only': 'merge',
  scd2: 'merge',
} as const satisfies Record<string, PipelineMode>

/** A mode, or what another tool calls one. */
export type ModeWord = PipelineMode | keyof typeof MODE_ALIASES

export const MODE_WORDS: readonly ModeWord[] = [...MODES, ...(Object.keys(MODE_ALIASES) as ModeWord[])]

/** What other tools call a key, for "did you mean". */
export const OTHER_NAMES: Readonly<Record<string, string>> = {
  update_key: 'cursor',
  incremental_key: 'cursor',
  sql: 'query',
  object: 'target_table',
  dest_table: 'target_table',
  destination: 'target',
  write_disposition: 'mode',
  masks: 'mask',
  columns: 'select',
}

/** The mode that a word of the file stands for. */
export function modeOf(word: ModeWord): PipelineMode {
  return word in MODE_ALIASES ? MODE_ALIASES[word as keyof typeof MODE_ALIASES] : (word as PipelineMode)
}

/** Mode words that name a strategy too. */
const STRATEGY_WORDS: Readonly<Partial<Record<ModeWord, WriteStrategy>>> = {
  upsert: 'upsert',
  'delete-insert': 'delete-insert',
  'insert-only': 'insert-only',
  scd2: 'scd2',
}

/** The strategy that a mode word implies. */
export function strategyOf(word: ModeWord): WriteStrategy | undefined {
  return STRATEGY_WORDS[word]
}

const words = Object.keys(MODE_ALIASES) as (keyof typeof MODE_ALIASES)[]
const mode = z.enum([...MODES, ...words]).describe('How rows meet those that the target has.')
const text = () => z.string().min(1)
const list = () => z.union([text(), z.array(text()).min(1)])
// `null` is a rule and a policy word, and YAML reads it as nothing.
const word = () => z.union([text(), z.null()])

// YAML reads an unquoted number or date as what it looks like.
const bound = () => z.union([text(), z.number().transform(String)])

const policies = z
  .record(z.string().regex(/^[a-z][a-z0-9_]{0,40}$/), word())
  .describe('Choices for values that have no equal in the target, e.g. zero_dates: error.')

const mask = z
  .record(text(), z.union([text(), z.null(), z.strictObject({ rule: word(), domain: text().optional() })]))
  .describe('Column → rule, or {rule, domain} to keep equal values equal across tables.')

const shared = {
  mode: mode.optional(),
  schema: text().optional().describe('Schema of the target tables that name none.'),
  primary_key: list().optional().describe("Key columns; the source's primary key where left out."),
  strategy: z
    .enum(STRATEGIES)
    .optional()
    .describe(
      'How the mode does it: of merge upsert, delete-insert, insert-only or scd2; of replace truncate, delete or swap.',
    ),
  cursor: text().optional().describe('Column that grows with every change; only what changed is read.'),
  lag: z
    .number()
    .nonnegative()
    .optional()
    .describe('Reads this much before the last cursor value again: seconds, or units of a number.'),
  contract: z
    .enum(['freeze', 'evolve', 'discard_row', 'discard_value'])
    .optional()
    .describe('What happens where the stream does not fit an existing table.'),
  max_delete_ratio: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe("Refuses a write that deletes a greater part of the target's rows."),
  identity: z
    .boolean()
    .optional()
    .describe('Numbers that the target gives out itself go on after the greatest that was written.'),
  policies: policies.optional(),
}

const stream = z.strictObject({
  ...shared,
  table: text().optional().describe("Table of the source; the stream's name where left out."),
  query: text().optional().describe("A SELECT of the source's dialect, instead of a table."),
  graphql: graphqlStream.optional().describe('What is read from a GraphQL source, instead of a table.'),
  mutation: graphqlMutation.optional().describe('What takes the rows at a GraphQL target.'),
  target_table: text().optional().describe("Table of the target; the source table's name where left out."),
  select: list().optional().describe('Columns in this order; -name leaves one out.'),
  where: text().optional().describe("A condition in the source's dialect."),
  window: z
    .strictObject({ from: bound().optional(), to: bound().optional() })
    .optional()
    .describe('Part of the rows: from ≤ cursor < to.'),
  resume: z
    .union([z.boolean(), z.strictObject({ ranges: z.int().min(1).max(1000).optional() })])
    .optional()
    .describe('Loads by ranges of the key, and goes on after an interruption with those that are missing.'),
  partition_by: z
    .union([
      z.string().min(1),
      z.strictObject({ column: z.string().min(1), ranges: z.int().min(2).max(1000).optional() }),
      z.strictObject({ from_rows: z.int().min(1) }),
      z.literal(false),
    ])
    .optional()
    .describe(
      'A column of whole numbers or uuids, or ctid of a Postgres table, by whose ranges the stream is read, so many at one time as --parallel says. Left out, a table of a million rows (in sandboxes 100,000; from_rows) is divided by its key where sessions would be idle; false never.',
    ),
  mask: mask.optional(),
  disabled: z.boolean().optional(),
})

export type StreamEntry = z.output<typeof stream>

/** A pipeline file. */
export const pipelineFile = z.strictObject({
  name: z
    .string()
    .regex(/^[\w][\w .-]{0,62}$/)
    .optional()
    .describe("What reports call it; the file's name where left out."),
  source: text().describe('Name of a connection.'),
  target: text().describe('Name of a connection.'),
  defaults: z.strictObject(shared).optional(),
  streams: z.record(text(), z.union([stream, z.null()])),
})

export type PipelineFile = z.output<typeof pipelineFile>
