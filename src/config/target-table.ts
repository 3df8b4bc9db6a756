import { parseTableName } from '../core/table-name.js'

/** The name of the table to write: `written` or else the bare name of the source's table, in `schema` where it names none.
 * Throws CONFIG_INVALID for a name that cannot be read. */
export function targetTable(written: string | undefined, source: string, schema: string | undefined): string {
  const name =
    written === undefined ? { schema: undefined, name: parseTableName(source).name } : parseTableName(written)
  const qualifier = name.schema ?? schema
  return qualifier === undefined ? quote(name.name) : `${quote(qualifier)}.${quote(name.name)}`
}

function quote(part: string): string {
  return /[".]/.test(part) ? `"${part.replaceAll('"', '""')}"` : part
}
