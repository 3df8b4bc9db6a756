import { CODES } from '../src/errors/index.js'

const PHASES: Readonly<Record<number, string>> = {
  1: 'Internal',
  2: 'Usage and configuration',
  3: 'Connecting and authenticating',
  4: 'Refused by policy',
  5: 'Reading and writing',
  6: 'Partial success',
  7: 'Verification',
  124: 'Deadlines',
  130: 'Interrupted',
  143: 'Terminated',
}

/** docs/errors.md, from the table of codes. */
export function errorsPage(): string {
  const lines = [
    '# Errors',
    '',
    'Every failure is one `AirlockError` with a code of this table. The text comes from the table, never from a server or a',
    'library; braces stand for names of your own configuration. `origin` is a SQLSTATE, an errno name or `MYSQL_<number>`;',
    '`ref` links the error to its masked record under `home/debug` (with `--debug`). Codes marked ↻ may go away by themselves.',
    '',
  ]
  for (const [exitCode, title] of Object.entries(PHASES)) {
    const rows = Object.entries(CODES).filter(([, spec]) => String(spec.exitCode) === exitCode)
    if (rows.length === 0) continue
    lines.push(`## ${title}: exit ${exitCode}`, '', '| code | message | what to do |', '| --- | --- | --- |')
    for (const [code, spec] of rows) {
      lines.push(`| \`${code}\`${spec.retryable ? ' ↻' : ''} | ${cell(spec.message)} | ${cell(spec.hint)} |`)
    }
    lines.push('')
  }
  return lines.join('\n')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}
