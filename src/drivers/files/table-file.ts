import { parseTableName } from '../../core/table-name.js'
import type { FilesConfig } from './config.js'
import { refused } from './errors.js'

export type FileFormat = FilesConfig['format']
export type Compression = NonNullable<FilesConfig['compression']>

export const COMPRESSION_EXTENSIONS: Readonly<Record<Compression, string>> = { none: '', gzip: '.gz', zstd: '.zst' }

/** A file that may hold a table. */
export interface FileName {
  readonly folders: readonly string[]
  readonly base: string
  readonly format: FileFormat
  readonly compression: Compression
}

/** Longer names would leave no room for those of the lock and the temporary file beside them. */
const MAX_NAME_BYTES = 180

const KNOWN = /\.(csv|tsv|jsonl|ndjson)(\.gz|\.zst)?$/

/** The files that a table's name may stand for, in the order of preference. `orders` is `orders.csv`, `.csv.gz` or
 * `.csv.zst`; `shop.orders` the same in the folder `shop`; a quoted name with a known extension is a path, e.g.
 * `"2024/orders.csv.gz"`. Throws CONFIG_INVALID for a name that cannot be read, FILE_REFUSED for one that could lead out of
 * the root or to a hidden file. */
export function fileNames(table: string, config: Pick<FilesConfig, 'format' | 'compression'>): readonly FileName[] {
  const { schema, name } = parseTableName(table)
  const folders = schema === undefined ? [] : [schema]
  const known = KNOWN.exec(name)
  if (known === null) {
    const compressions: readonly Compression[] =
      config.compression === undefined ? ['none', 'gzip', 'zstd'] : [config.compression]
    return compressions.map((compression) => {
      const base = `${name}.${config.format}${COMPRESSION_EXTENSIONS[compression]}`
      return checked({ folders, base, format: config.format, compression })
    })
  }
  const parts = name.split('/')
  const base = parts.pop()!
  const { format, compression } = kindOf(base)!
  return [checked({ folders: [...folders, ...parts], base, format, compression })]
}

/** Format and compression by the extension; undefined for a file that is none of ours. */
export function kindOf(base: string): Pick<FileName, 'format' | 'compression'> | undefined {
  const [, format, packed] = KNOWN.exec(base) ?? []
  if (format === undefined) return undefined
  return {
    format: format === 'ndjson' ? 'jsonl' : (format as FileFormat),
    compression: packed === '.gz' ? 'gzip' : packed === '.zst' ? 'zstd' : 'none',
  }
}

/** The name without its extension. */
export function stemOf({ base }: FileName): string {
  return base.replace(KNOWN, '')
}

/** The path below the root, for plans. */
export function printablePath({ folders, base }: FileName): string {
  return [...folders, base].join('/')
}

function checked(file: FileName): FileName {
  for (const part of [...file.folders, file.base]) {
    if (part === '..' || part === '') throw refused('its name leads out of the root')
    if (part.startsWith('.')) throw refused('its name is that of a hidden file')
    if (/[/\\\0]/.test(part)) throw refused('its name has a character that separates folders')
    if (Buffer.byteLength(part) > MAX_NAME_BYTES) throw refused(`its name is longer than ${MAX_NAME_BYTES} bytes`)
  }
  return file
}
