import { type Command, Option } from 'commander'
import { MODE_WORDS, modeOf, STRATEGIES, strategyOf } from '../config/pipeline-file.js'
import { AirlockError } from '../errors/index.js'
import type { StreamOverrides } from '../run/overrides.js'
import { byteSize } from './byte-size.js'

/** What `run` and `copy` may be told of streams, as commander gives it. */
export interface StreamOptions {
  readonly mode?: string
  readonly strategy?: NonNullable<StreamOverrides['strategy']>
  readonly primaryKey: readonly string[]
  readonly cursor?: string
  readonly incrementalKey?: string
  readonly intervalStart?: string
  readonly intervalEnd?: string
  readonly contract?: NonNullable<StreamOverrides['contract']>
}

/** Adds the options of streams to a command. */
export function addStreamOptions(command: Command): Command {
  return command
    .option('--mode <mode>', 'append, replace, merge, delete+insert, or a word of another tool such as upsert')
    .addOption(new Option('--strategy <name>', 'how the mode does it').choices(STRATEGIES))
    .option('--primary-key <column>', 'key column; repeat for more', collect, [])
    .option('--cursor <column>', 'column that grows with every change: only what is new is read')
    .addOption(new Option('--incremental-key <column>', 'the same as --cursor').conflicts('cursor'))
    .option('--interval-start <value>', 'only rows whose cursor is at least this')
    .option('--interval-end <value>', 'only rows whose cursor is less than this')
    .addOption(
      new Option('--contract <word>', 'where the stream does not fit the table').choices([
        'freeze',
        'evolve',
        'discard_row',
        'discard_value',
      ]),
    )
}

/** Adds the options of runs to a command. */
export function addRunOptions(command: Command): Command {
  return command
    .option('--full-refresh', 'incremental streams read everything and save their state anew')
    .addOption(
      new Option('--verify <kind>', 'what is compared before the commit')
        .choices(['none', 'count', 'checksum'])
        .default('count'),
    )
    .option('--retries <number>', 'how often a stream that failed is tried again, where that is right', retries, 2)
    .option('--parallel <number>', 'streams and ranges at one time, within max_connections of both ends', parallel, 1)
    .option('--threads', 'each range in a thread of its own (as by default on four cores and more)')
    .option('--no-threads', 'all ranges in one thread')
    .option('--max-memory <size>', 'end the run rather than take more memory, e.g. 512M', memory)
    .option('--summary <file>', 'write the report as JSON to this file')
}

/** The settings that the options stand for. Throws USAGE for a word that is no mode. */
export function overridesOf(options: StreamOptions): StreamOverrides {
  const { intervalStart: from, intervalEnd: to, contract, primaryKey } = options
  const word = options.mode === undefined ? undefined : MODE_WORDS.find((known) => known === options.mode)
  if (options.mode !== undefined && word === undefined) throw usage(`--mode is one of ${MODE_WORDS.join(', ')}`)
  const strategy = options.strategy ?? (word === undefined ? undefined : strategyOf(word))
  const cursor = options.cursor ?? options.incrementalKey
  return {
    ...(word === undefined ? {} : { mode: modeOf(word) }),
    ...(strategy === undefined ? {} : { strategy }),
    ...(primaryKey.length === 0 ? {} : { primaryKey }),
    ...(cursor === undefined ? {} : { cursor }),
    ...(from === undefined && to === undefined
      ? {}
      : { window: { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) } }),
    ...(contract === undefined ? {} : { contract }),
  }
}

/** A run without a row takes about 100 MiB. */
function memory(value: string): number {
  return byteSize('--max-memory', value, 128)
}

function parallel(value: string): number {
  if (/^[1-9]\d{0,2}$/.test(value)) return Number(value)
  throw usage('--parallel is a number from 1 to 999')
}

function retries(value: string): number {
  if (/^\d{1,2}$/.test(value)) return Number(value)
  throw usage('--retries is a number from 0 to 99')
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value]
}

function usage(problem: string): AirlockError {
  return new AirlockError('USAGE', { phase: 'config', params: { problem } })
}
