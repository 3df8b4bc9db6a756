import type { Output } from '../cli/output.js'
import { formatReport } from '../cli/run-table.js'
import { formatTable } from '../cli/table.js'
import type { RunReport } from '../run/report.js'
import type { StreamPlan } from '../run/stream-plan.js'
import type { AuditVerification } from '../sinks/index.js'
import type { Engine } from '../testing/engines/index.js'
import type { DemoFolder } from './demo-folder.js'
import type { DemoServers } from './demo-servers.js'
import type { Sample } from './samples.js'

/** What is longer is cut: the table of samples then fits into 100 columns. */
const SAMPLE_WIDTH = 34

/** `Servers   MariaDB 10.11.6 and PostgreSQL 15.8, started privately; …`, and a line where there is no MySQL. */
export function serversText({ engines, missing }: DemoServers, output: Output): string {
  const names = engines.map(({ version }) => version).join(' and ')
  const origins = [...new Set(engines.map(originOf))].join(' and ')
  const what = engines.some(({ origin }) => origin === 'url')
    ? 'the databases of this demo end with it'
    : 'they end with this demo'
  const lines = [labelled('Servers', `${names}, ${origins}; ${what}.`, output)]
  if (missing !== undefined) {
    const hint = `No MySQL or MariaDB here (\`${missing.hint}\` gets one), so PostgreSQL is the source as well.`
    lines.push(labelled('', hint, output))
  }
  return lines.join('\n')
}

/** The two files of the demo, as they are. */
export function filesText(folder: DemoFolder, output: Output): string {
  const files = [
    { name: 'airlock.yaml', about: 'the connections; secrets by reference only', text: folder.airlockYaml },
    { name: 'nightly.yaml', about: 'what to move, and behind which masks', text: folder.nightlyYaml },
  ]
  return files
    .map(({ name, about, text }) => `\n${output.bold(name)}  ${output.dim(about)}\n${indented(text.trimEnd(), '  ')}`)
    .join('\n')
}

/** Two lines for each stream; `airlock plan` shows every column. */
export function planText(plans: readonly StreamPlan[], output: Output): string {
  const about = 'worked out against both servers; `airlock plan nightly.yaml` shows all columns'
  const streams = plans.map(({ stream, write, columns, outline, estimatedRows }) => {
    const estimate = estimatedRows === undefined ? '' : `, about ${estimatedRows.toLocaleString('en')} rows`
    const masks = Object.entries(stream.mask).map(
      ([column, mask]) => `${column} ${typeof mask === 'string' ? mask : mask.rule}`,
    )
    const table = outline.targetExists ? 'existing table' : 'new table'
    return [
      `  ${stream.name} → ${stream.targetTable}  (${write.mode}, ${table}, ${columns.length} columns${estimate})`,
      `    masks: ${masks.join(', ')}`,
    ].join('\n')
  })
  return [`\n${output.bold('Plan')}  ${output.dim(about)}`, ...streams].join('\n')
}

/** What there is to say when the run is over. */
export interface DemoOutcome {
  readonly report: RunReport
  readonly samples: readonly Sample[]
  readonly audit: AuditVerification
  readonly connectionsLeft: number
  readonly servers: number
}

/** The report, the samples, the audit log and the connections. */
export function outcomeText(outcome: DemoOutcome, output: Output): string {
  const { report, samples, audit, connectionsLeft, servers } = outcome
  const segment = audit.segments.at(-1)?.name ?? 'none'
  const verdict = audit.ok ? `verified, ${audit.records} records, intact` : `${audit.problemCount} problems`
  const counted = servers === 1 ? 'counted at the server' : 'counted at both servers'
  return [
    `\n${output.bold('Run')}\n${formatReport(report, output)}`,
    ...(samples.length === 0 ? [] : [samplesText(samples, output)]),
    '',
    labelled('Audit', `.airlock/audit/${segment}: ${verdict}`, output),
    labelled('Connections', `${connectionsLeft} left open, ${counted}`, output),
  ].join('\n')
}

/** How to go on. `kept` is the demo's folder where the person asked for it. */
export function nextText(kept: string | undefined, output: Output): string {
  const files =
    kept === undefined
      ? 'The files of this demo are gone; `airlock demo --keep` keeps them to look at.'
      : `The files of this demo are in ${kept}; its servers are gone.`
  return [
    '',
    labelled('Next', files, output),
    labelled(
      '',
      'For your own databases: two such files, `airlock check`, `airlock run`; see docs/ and examples/.',
      output,
    ),
  ].join('\n')
}

export function labelled(label: string, text: string, output: Output): string {
  return `${output.bold(label.padEnd(11))}  ${text}`
}

function originOf({ origin }: Engine): string {
  if (origin === 'url') return 'given by the environment'
  return origin === 'container' ? 'started in containers' : 'started privately'
}

function samplesText(samples: readonly Sample[], output: Output): string {
  const about = 'shown in clear only because the demo made these values up'
  const rows = samples.map(({ row, column, before, after }) => [row, column, shown(before), shown(after)])
  const table = formatTable(['row', 'column', 'made up', 'in the target'], rows)
  return `\n${output.bold('Before and after')}  ${output.dim(about)}\n${table}`
}

/** On one line: control characters as pictures, the rest cut. */
function shown(value: string): string {
  const line = value.replaceAll('\t', '⇥').replaceAll('\n', '↵')
  return line.length <= SAMPLE_WIDTH ? line : `${line.slice(0, SAMPLE_WIDTH - 1)}…`
}

function indented(text: string, by: string): string {
  return text.replace(/^/gm, by)
}
