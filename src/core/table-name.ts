import { AirlockError } from '../errors/index.js'

/** The parts of a table's name. */
export interface TableName {
  readonly schema: string | undefined
  readonly name: string
}

/** Reads `name`, `schema.name` or `"odd.schema"."odd name"`; a double quote inside quotes is written twice. Throws
 * CONFIG_INVALID for anything else. */
export function parseTableName(text: string): TableName {
  const part = /(?:"((?:[^"]|"")+)"|([^".]+))(\.|$)/y
  const parts: string[] = []
  while (part.lastIndex < text.length) {
    const match = part.exec(text)
    if (match === null || (match[3] === '.' && part.lastIndex === text.length)) break
    parts.push(match[1]?.replaceAll('""', '"') ?? match[2]!)
    if (part.lastIndex === text.length) {
      if (parts.length === 1) return { schema: undefined, name: parts[0]! }
      if (parts.length === 2) return { schema: parts[0]!, name: parts[1]! }
    }
  }
  throw new AirlockError('CONFIG_INVALID', {
    phase: 'plan',
    params: { at: 'table', problem: 'write `name` or `schema.name`, with double quotes around odd names' },
  })
}
