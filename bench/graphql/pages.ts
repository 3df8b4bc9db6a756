import { readFileSync } from 'node:fs'

/** A column as the service shows it. */
export interface ServedColumn {
  readonly name: string
  /** The type of the column in Postgres, from which the scalar follows. */
  readonly postgres: string
  readonly nullable?: boolean
}

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', b: '\b', f: '\f', v: '\v' }

/** The scalar of a column. Numbers that a double cannot hold are text in JSON, as services have them. */
export function scalarOf({
  postgres,
}: ServedColumn): 'Int' | 'Float' | 'BigInt' | 'Decimal' | 'DateTime' | 'Date' | 'String' {
  if (postgres === 'integer' || postgres === 'smallint') return 'Int'
  if (postgres === 'bigint') return 'BigInt'
  if (postgres === 'double precision') return 'Float'
  if (postgres.startsWith('numeric')) return 'Decimal'
  if (postgres.startsWith('timestamptz')) return 'DateTime'
  return postgres === 'date' ? 'Date' : 'String'
}

/** The rows of a file in COPY text, each as the JSON of a node. */
export function readNodes(path: string, columns: readonly ServedColumn[]): string[] {
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => {
    const cells = line.split('\t')
    return `{${columns.map((column, at) => `"${column.name}":${json(cells[at] ?? '', column)}`).join(',')}}`
  })
}

function json(cell: string, column: ServedColumn): string {
  if (cell === '\\N') return 'null'
  const scalar = scalarOf(column)
  if (scalar === 'Int' || scalar === 'Float') return cell
  if (scalar === 'DateTime') return `"${cell.replace(' ', 'T')}Z"`
  return JSON.stringify(cell.replace(/\\(.)/g, (_, letter: string) => ESCAPES[letter] ?? letter))
}
