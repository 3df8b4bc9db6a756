import { basename, resolve } from 'node:path'
import { suggest } from '../core/suggest.js'
import { parseTableName } from '../core/table-name.js'
import { AirlockError } from '../errors/index.js'
import type { DriverDeclaration } from './airlock-file.js'
import type { Config } from './config.js'
import { fieldsOf } from './field-walk.js'
import { graphqlOf } from './graphql-stream.js'
import { masksOf } from './mask-choices.js'
import type { Pipeline, PipelineStream, Wildcard } from './pipeline.js'
import { modeOf, OTHER_NAMES, type PipelineFile, pipelineFile, type StreamEntry, strategyOf } from './pipeline-file.js'
import { type FieldPath, fieldError, invalidField, isPlainName, type PlaceMap, printableFile } from './place.js'
import { readTextFile } from './read-text-file.js'
import { RUN_POLICIES } from './run-policies.js'
import { schemaProblem } from './schema-problems.js'
import { streamProblem } from './stream-problem.js'
import { targetTable } from './target-table.js'
import { parseYamlFile } from './yaml-file.js'

type KnownPolicies = Readonly<Record<string, readonly string[]>> | undefined

const REFERENCE = /\$\{(env|file|cmd):/

/** Loads and checks a pipeline file against the connections of `config`. Every stream comes out with the defaults filled in;
 * a mode that is given nowhere is `append`, which changes no row that is there. Throws CONFIG_NOT_FOUND,
 * CONFIG_UNKNOWN_KEY, CONNECTION_UNKNOWN and CONFIG_INVALID; each names the field and the line, never a value. */
export async function loadPipeline(
  path: string,
  config: Pick<Config, 'connectionNames' | 'declaration'>,
): Promise<Pipeline> {
  const absolute = resolve(path)
  const yaml = parseYamlFile((await readTextFile(absolute)).text, printableFile(absolute))
  const parsed = pipelineFile.safeParse(yaml.value)
  if (!parsed.success) {
    const context = { file: yaml, schema: pipelineFile, value: yaml.value, base: [], otherNames: OTHER_NAMES }
    throw schemaProblem(parsed.error.issues, context)
  }
  const file = parsed.data
  for (const { path: at, value } of fieldsOf(pipelineFile, yaml.value)) {
    if (typeof value === 'string' && REFERENCE.test(value)) {
      throw invalidField(yaml, at, 'references belong into airlock.yaml')
    }
  }
  for (const side of ['source', 'target'] as const) requireConnection(yaml, side, file[side], config.connectionNames)
  const known = knownPolicies(config.declaration(file.source).declaration, config.declaration(file.target).declaration)
  checkPolicies(yaml, ['defaults', 'policies'], file.defaults?.policies ?? {}, known)
  for (const [name, entry] of Object.entries(file.streams)) {
    checkPolicies(yaml, ['streams', name, 'policies'], entry?.policies ?? {}, known)
  }
  const entries = Object.entries(file.streams)
  const excluded = entries.flatMap(([name, entry]) => exclusion(yaml, name, entry))
  const streams: PipelineStream[] = []
  for (const [name, entry] of entries.filter(([name]) => !name.startsWith('-'))) {
    const stream = streamOf(yaml, name, entry ?? {}, file)
    streams.push({ ...stream, ...(await graphqlOf(yaml, ['streams', name], entry ?? {}, absolute)) })
  }
  if (streams.length === 0) throw invalidField(yaml, ['streams'], 'it must not be empty')
  if (excluded.length > 0 && !streams.some((stream) => stream.wildcard !== undefined)) {
    throw invalidField(yaml, ['streams', `-${excluded[0]}`], 'there is no wildcard to leave it out of')
  }
  refuseSharedTargets(yaml, streams)
  const name = file.name ?? basename(absolute).replace(/\.[^.]*$/, '')
  return {
    name,
    source: file.source,
    target: file.target,
    streams,
    ...(excluded.length === 0 ? {} : { excluded }),
  }
}

/** `-name` leaves a table out of the wildcards, and has no settings. */
function exclusion(file: PlaceMap, name: string, entry: StreamEntry | null): readonly string[] {
  if (!name.startsWith('-')) return []
  if (entry !== null && Object.keys(entry).length > 0) {
    throw invalidField(file, ['streams', name], 'a table that is left out has no settings')
  }
  return [name.slice(1)]
}

function requireConnection(file: PlaceMap, side: string, name: string, known: readonly string[]): void {
  if (known.includes(name)) return
  // A URL in the place of a name may hold a password.
  const shown = isPlainName(name) ? name : `what ${side} says`
  const at = `${shown} (${file.name} line ${file.line([side])})`
  const suggestion = suggest(name, known)
  throw new AirlockError('CONNECTION_UNKNOWN', { phase: 'config', params: { at, suggestion } })
}

function knownPolicies(source: DriverDeclaration, target: DriverDeclaration): KnownPolicies {
  if (source.policies === undefined || target.policies === undefined) return undefined
  return { ...source.policies, ...target.policies, ...RUN_POLICIES }
}

/** A policy must belong to the driver of one side. Drivers that do not declare theirs are taken at their word. */
function checkPolicies(
  file: PlaceMap,
  at: FieldPath,
  policies: Readonly<Record<string, unknown>>,
  known: KnownPolicies,
) {
  if (known === undefined) return
  for (const [name, word] of Object.entries(policies)) {
    const choices = Object.hasOwn(known, name) ? known[name]! : undefined
    if (choices === undefined) {
      const suggestion = suggest(name, Object.keys(known))
      throw fieldError('CONFIG_UNKNOWN_KEY', file, [...at, name], { suggestion })
    }
    if (!choices.includes(String(word))) {
      throw invalidField(file, [...at, name], `the choices are ${choices.join(', ')}`)
    }
  }
}

function streamOf(file: PlaceMap, name: string, entry: StreamEntry, { defaults = {} }: PipelineFile): PipelineStream {
  const at = ['streams', name]
  if (entry.table !== undefined && entry.query !== undefined) {
    throw invalidField(file, [...at, 'query'], 'the stream already has a table')
  }
  if (entry.graphql !== undefined && (entry.table ?? entry.query) !== undefined) {
    throw invalidField(file, [...at, 'graphql'], 'the stream already has a table or a query')
  }
  if (entry.graphql !== undefined && entry.where !== undefined) {
    throw invalidField(file, [...at, 'where'], 'a condition belongs into the document')
  }
  if (entry.query !== undefined && entry.where !== undefined) {
    throw invalidField(file, [...at, 'where'], 'a condition belongs into the query')
  }
  const table = (entry.query ?? entry.graphql) === undefined ? (entry.table ?? name) : undefined
  const wildcard = table === undefined ? undefined : wildcardOf(file, at, table, entry, entry.schema ?? defaults.schema)
  const cursor = entry.cursor ?? defaults.cursor
  const schema = entry.schema ?? defaults.schema
  const modeWord = entry.mode ?? defaults.mode ?? 'append'
  const strategy = entry.strategy ?? strategyOf(modeWord) ?? defaults.strategy
  const lag = entry.lag ?? defaults.lag
  const contract = entry.contract ?? defaults.contract
  const maxDeleteRatio = entry.max_delete_ratio ?? defaults.max_delete_ratio
  const identity = entry.identity ?? defaults.identity
  const stream: PipelineStream = {
    name,
    ...(table === undefined ? {} : { table }),
    ...(entry.query === undefined ? {} : { query: entry.query }),
    targetTable: readTarget(file, at, () => targetTable(entry.target_table, table ?? name, schema)),
    mode: modeOf(modeWord),
    ...(strategy === undefined ? {} : { strategy }),
    primaryKey: listOf(entry.primary_key ?? defaults.primary_key ?? []),
    ...(cursor === undefined ? {} : { cursor }),
    ...(lag === undefined ? {} : { lag }),
    ...(entry.window === undefined ? {} : { window: windowOf(entry.window) }),
    ...(contract === undefined ? {} : { contract }),
    ...(maxDeleteRatio === undefined ? {} : { maxDeleteRatio }),
    ...(identity === undefined ? {} : { identity }),
    ...(entry.select === undefined ? {} : { select: listOf(entry.select) }),
    ...(entry.where === undefined ? {} : { where: entry.where }),
    ...resumeOf(entry.resume),
    ...partitionOf(entry.partition_by),
    mask: masksOf(file, [...at, 'mask'], entry.mask ?? {}),
    policies: wordsOf({ ...defaults.policies, ...entry.policies }),
    disabled: entry.disabled ?? false,
    ...(wildcard === undefined ? {} : { wildcard }),
  }
  const found = streamProblem(stream)
  if (found === undefined) return stream
  throw invalidField(file, whereFound(at, found.field.split('.'), entry), found.problem)
}

/** In the stream's own settings, or in those that it has from the defaults. */
function whereFound(at: FieldPath, field: readonly string[], entry: StreamEntry): FieldPath {
  return Object.hasOwn(entry, field[0]!) ? [...at, ...field] : ['defaults', ...field]
}

/** `*` and `schema.*`; a star anywhere else belongs to the name of a table. */
function wildcardOf(
  file: PlaceMap,
  at: FieldPath,
  table: string,
  entry: StreamEntry,
  targetSchema: string | undefined,
): Wildcard | undefined {
  const { schema, name } = readTarget(file, at, () => parseTableName(table))
  if (name !== '*' || table.endsWith('"')) return undefined
  const target = entry.target_table
  if (target !== undefined && !target.includes('{stream_table}')) {
    throw invalidField(file, [...at, 'target_table'], 'for many tables it needs the place {stream_table}')
  }
  return {
    ...(schema === undefined ? {} : { schema }),
    ...(target === undefined ? {} : { target }),
    ...(targetSchema === undefined ? {} : { targetSchema }),
  }
}

function readTarget<T>(file: PlaceMap, at: FieldPath, read: () => T): T {
  try {
    return read()
  } catch {
    throw invalidField(
      file,
      at,
      'a table is `name` or `schema.name`, with double quotes around a part that holds a dot',
    )
  }
}

/** Two streams may add to one table. Where one of them replaces it, the last one to finish would win. */
function refuseSharedTargets(file: PlaceMap, streams: readonly PipelineStream[]): void {
  const active = streams.filter((stream) => !stream.disabled)
  for (const stream of active) {
    const other = active.find((one) => one !== stream && one.targetTable === stream.targetTable)
    if (other !== undefined && stream.mode === 'replace') {
      throw invalidField(file, ['streams', stream.name], 'another stream writes to the table that this one replaces')
    }
  }
}

function windowOf({ from, to }: NonNullable<StreamEntry['window']>): NonNullable<PipelineStream['window']> {
  return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }
}

/** Ranges of a resumable load where the file does not say how many. */
const RANGES = 16

function resumeOf(written: StreamEntry['resume']): Pick<PipelineStream, 'resume'> {
  if (written === undefined || written === false) return {}
  return { resume: { ranges: written === true ? RANGES : (written.ranges ?? RANGES) } }
}

function partitionOf(
  written: StreamEntry['partition_by'],
): Pick<PipelineStream, 'partitionBy' | 'undivided' | 'divideFrom'> {
  if (written === undefined) return {}
  if (written === false) return { undivided: true }
  if (typeof written === 'string') return { partitionBy: { column: written } }
  if ('from_rows' in written) return { divideFrom: written.from_rows }
  const { column, ranges } = written
  return { partitionBy: { column, ...(ranges === undefined ? {} : { ranges }) } }
}

function listOf(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [value] : value
}

function wordsOf(written: Readonly<Record<string, string | null>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(written).map(([name, word]) => [name, word ?? 'null']))
}
