import { Command, type CommanderError, Option } from 'commander'
import { AirlockError } from '../errors/index.js'
import { addMcpCommands } from './mcp-program.js'
import type { Output } from './output.js'
import { addRunOptions, addStreamOptions } from './stream-options.js'
import { version } from './version.js'

/** What every command is given. */
export interface CommandContext {
  readonly output: Output
  readonly signal: AbortSignal
}

/** Options that every command has. */
export interface GlobalOptions {
  readonly config?: string
  readonly debug?: boolean
  readonly progress: boolean
  readonly showTopology?: boolean
}

/** Help or the version was printed: nothing more to say. */
export class UsageShown extends Error {
  readonly exitCode: number

  constructor(exitCode: number) {
    super('usage')
    this.exitCode = exitCode
  }
}

/** The command line as a tree of commands. Each command's code is loaded when it runs. */
export function createProgram(context: CommandContext): Command {
  const program = new Command('airlock')
    .description('Moves rows between databases. Leaks nothing, leaves nothing open.')
    .version(version(), '-V, --version', 'print the version')
    .option('--config <file>', 'airlock.yaml to use (default: the nearest one upwards)')
    .option('--json', 'print one JSON envelope on stdout')
    .option('-q, --quiet', 'print nothing but the result and errors')
    .option('--no-progress', 'no progress line')
    .option('--debug', 'keep masked records of native errors under home/debug')
    .option('--show-topology', 'show hosts and databases to a person who may see them')
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
  const common = () => program.opts<GlobalOptions>()

  addRunOptions(
    addStreamOptions(
      program
        .command('run')
        .description('run a pipeline: read, mask, write, verify')
        .argument('<pipeline>', 'pipeline file, e.g. nightly.yaml')
        .option('--streams <names>', 'only these streams, separated by commas', list)
        .option('--remote <platform>', 'move the rows in sandboxes: e2b', platform)
        .option('--expect-plan <digest>', 'run only what `airlock plan` gave this digest of (meta.plan)')
        .option('--dry-run', 'the same as `airlock plan`'),
    ),
  ).action(async (file, options) => (await import('./commands/run.js')).runCommand(context, common(), file, options))

  addRunOptions(
    addStreamOptions(
      program
        .command('copy')
        .description('move one table without a pipeline file')
        .requiredOption('--source <connection>', 'connection to read from')
        .requiredOption('--source-table <table>', 'table to read')
        .requiredOption('--target <connection>', 'connection to write to')
        .option('--target-table <table>', "table to write (default: the source table's name)")
        .option('--mask <column:rule>', 'mask of one column; repeat for more', collect, [])
        .option('--select <columns>', 'columns, separated by commas; -name leaves one out', list)
        .option('--where <condition>', "condition in the source's dialect")
        .option('--policy <name=choice>', 'e.g. zero_dates=error; repeat for more', collect, []),
    ),
  ).action(async (options) => (await import('./commands/copy.js')).copyCommand(context, common(), options))

  addStreamOptions(
    program
      .command('plan')
      .description('say what a run would do; write nothing')
      .argument('<pipeline>', 'pipeline file')
      .option('--streams <names>', 'only these streams, separated by commas', list)
      .option('--full-refresh', 'as if no state were kept'),
  ).action(async (file, options) => (await import('./commands/plan.js')).planCommand(context, common(), file, options))

  program
    .command('verify')
    .description('read both ends of a pipeline and compare them')
    .argument('<pipeline>', 'pipeline file')
    .option('--streams <names>', 'only these streams, separated by commas', list)
    .action(async (file, options) =>
      (await import('./commands/verify.js')).verifyCommand(context, common(), file, options),
    )

  const state = program.command('state').description('look at the state of incremental streams')
  state
    .command('show')
    .description('how far incremental streams came')
    .argument('[pipeline]', 'pipeline file (default: what is kept in home, of all pipelines)')
    .action(async (file) => (await import('./commands/state.js')).stateShowCommand(context, common(), file))
  state
    .command('reset')
    .description('forget how far a stream came: its next run reads everything')
    .argument('<pipeline>', 'pipeline file')
    .argument('<stream>', 'name of the stream')
    .option('--yes', 'yes, that is meant')
    .action(async (file, stream, options) =>
      (await import('./commands/state.js')).stateResetCommand(context, common(), file, stream, options),
    )

  const runs = program.command('runs').description('look at past runs')
  runs
    .command('list')
    .description('runs whose reports are kept, the newest first')
    .option('--limit <number>', 'how many', limit, 20)
    .action(async (options) => (await import('./commands/runs.js')).runsListCommand(context, common(), options))
  runs
    .command('show')
    .description('the report of one run')
    .argument('[id]', 'id of the run (default: the newest)')
    .action(async (id) => (await import('./commands/runs.js')).runsShowCommand(context, common(), id))

  program
    .command('check')
    .description('connect, authenticate and ask one question')
    .argument('[connections...]', 'connections by name (default: all)')
    .action(async (names) => (await import('./commands/check.js')).checkCommand(context, common(), names))

  program
    .command('discover')
    .description('what there is to read: tables, columns, keys, estimates')
    .argument('<connection>', 'connection by name')
    .argument('[table]', 'one table, with its columns and keys')
    .option('--schema <name>', 'only this schema; in MySQL, this database')
    .option('--profile', 'read rows of the table and say what they look like, without a value of them')
    .option('--rows <number>', 'rows that a profile reads', '10000')
    .option('--timeout <seconds>', 'how long a profile may take', '30')
    .option('--refresh', 'ask the server, even if its answer of the last ten minutes is kept')
    .action(async (connection, table, options) =>
      (await import('./commands/discover.js')).discoverCommand(context, common(), connection, table, options),
    )

  program
    .command('query')
    .description('rows of one statement that only reads')
    .argument('<connection>', 'connection by name')
    .requiredOption('--sql-file <file>', 'file with the statement, or - for stdin')
    .option('--explain', "the server's plan of the statement, which does not run")
    .option('--max-rows <number>', 'rows to show', '1000')
    .option('--max-bytes <number>', 'bytes of all values', '4194304')
    .option('--max-cell <number>', 'bytes of one value', '65536')
    .option('--timeout <seconds>', 'how long the statement may run', '30')
    .action(async (connection, options) =>
      (await import('./commands/query.js')).queryCommand(context, common(), connection, options),
    )

  const memory = program.command('memory').description('notes that are kept with the consent of a person')
  memory
    .command('capture')
    .description('keep what stdin gives')
    .requiredOption('--session <id>', 'under which it is kept: letters, digits, dash and underscore')
    .option('--consent', 'a person has agreed that it is kept')
    .action(async (options) => (await import('./commands/memory.js')).memoryCaptureCommand(context, common(), options))
  memory
    .command('list')
    .description('sessions that have notes, or the notes of one')
    .argument('[session]', 'id of a session')
    .action(async (session) => (await import('./commands/memory.js')).memoryListCommand(context, common(), session))
  memory
    .command('show')
    .description('one note')
    .argument('<session>', 'id of its session')
    .argument('<note>', 'id of the note')
    .action(async (session, note) =>
      (await import('./commands/memory.js')).memoryShowCommand(context, common(), session, note),
    )
  memory
    .command('forget')
    .description('remove a note, or all of a session')
    .argument('<session>', 'id of the session')
    .argument('[note]', 'id of the note')
    .action(async (session, note) =>
      (await import('./commands/memory.js')).memoryForgetCommand(context, common(), session, note),
    )

  addMcpCommands(program, context, common)

  const sandboxes = program.command('sandboxes').description('look at the sandboxes of this deployment')
  sandboxes
    .command('list')
    .description('those that exist, and what they cost so far')
    .action(async () => (await import('./commands/sandboxes.js')).sandboxesListCommand(context, common()))
  sandboxes
    .command('sweep')
    .description('kill those whose time is over')
    .option('--dry-run', 'say which, and kill nothing')
    .action(async (options) =>
      (await import('./commands/sandboxes.js')).sandboxesSweepCommand(context, common(), options),
    )

  program
    .command('demo')
    .description('MySQL → masked → Postgres on servers of its own')
    .addOption(new Option('--rows <number>', 'rows of the largest table').default('200000'))
    .option('--keep', 'keep the files of the demo: configuration, audit log, report')
    .action(async (options) => (await import('./commands/demo.js')).demoCommand(context, common(), options))

  program
    .command('mask')
    .description('a filter: stdin to stdout, secrets replaced')
    .option('--secret-env <name>', 'variable whose value is secret; repeat for more', collect, [])
    .option('--secret-file <file>', 'file whose content is secret; repeat for more', collect, [])
    .option('--stats', 'say on stderr how often each rule applied')
    .action(async (options) => (await import('./commands/mask.js')).maskCommand(context, options))

  const config = program.command('config').description('look at the configuration')
  config
    .command('check')
    .description('check airlock.yaml and every secret reference in it')
    .option('--offline', 'do not resolve the secret references')
    .action(async (options) =>
      (await import('./commands/config-check.js')).configCheckCommand(context, common(), options),
    )

  const audit = program.command('audit').description('look at the audit log')
  audit
    .command('verify')
    .description('check every record of the audit log')
    .argument('[dir]', 'folder of the log (default: that of the configuration)')
    .action(async (dir) => (await import('./commands/audit.js')).auditVerifyCommand(context, common(), dir))
  audit
    .command('tail')
    .description('print the last records')
    .argument('[dir]', 'folder of the log (default: that of the configuration)')
    .option('--lines <number>', 'how many', '20')
    .action(async (dir, options) =>
      (await import('./commands/audit.js')).auditTailCommand(context, common(), dir, options),
    )
  audit
    .command('stats')
    .description('count the records by type and outcome')
    .argument('[dir]', 'folder of the log (default: that of the configuration)')
    .action(async (dir) => (await import('./commands/audit.js')).auditStatsCommand(context, common(), dir))

  program
    .command('retention')
    .description('say which old files of home the rules of airlock.yaml no longer keep')
    .option('--apply', 'remove them')
    .action(async (options) => (await import('./commands/retention.js')).retentionCommand(context, common(), options))

  for (const command of [program, ...descendants(program)]) shareErrors(command, context.output)
  return program
}

/** Commander's own complaints become errors of ours; help and version are printed by it. */
function shareErrors(command: Command, output: Output): void {
  command.configureOutput({ writeErr: () => undefined }).exitOverride((error: CommanderError) => {
    if (error.exitCode === 0) throw new UsageShown(0)
    if (error.code === 'commander.help' && !output.settings.json) {
      output.problem(command.helpInformation().trimEnd())
      throw new UsageShown(2)
    }
    throw new AirlockError('USAGE', { phase: 'config', params: { problem: usageProblem(error) } })
  })
}

/** What commander complains of, on one line, without the words of the user that do not read like an option or a command:
 * one of them may be a secret. */
function usageProblem({ code, message }: CommanderError): string {
  if (code === 'commander.help') return 'a command is missing'
  return message
    .replace(/^error: /, '')
    .replace(/^(option '[^']+') argument '.*' is invalid/s, '$1 is invalid')
    .replace(/^(unknown \w+) '(.*)'/s, (_, what: string, word: string) =>
      OWN_WORD.test(word) ? `${what} '${word}'` : what,
    )
    .replace(/\s+/g, ' ')
    .replace(/\.$/, '')
}

const OWN_WORD = /^(?:--[a-z][a-z-]*|-[a-zA-Z]|[a-z][a-z-]*)$/

function descendants(command: Command): readonly Command[] {
  return command.commands.flatMap((child) => [child, ...descendants(child)])
}

function list(value: string): readonly string[] {
  return value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

/** Where rows may be moved beside this machine. */
function platform(value: string): 'e2b' {
  if (value === 'e2b') return value
  throw new AirlockError('USAGE', { phase: 'config', params: { problem: '--remote is e2b' } })
}

function limit(value: string): number {
  if (/^[1-9]\d{0,3}$/.test(value)) return Number(value)
  throw new AirlockError('USAGE', { phase: 'config', params: { problem: '--limit is a number from 1 to 9999' } })
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value]
}
