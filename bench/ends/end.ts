/** One end of a route, as every client finds it. */
export interface End {
  readonly driver: 'mysql' | 'postgres' | 'graphql'
  /** Host, port, database and user, or the endpoint of a service, under the names that Airlock has for them. */
  readonly address: Readonly<Record<string, string | number>>
  /** Undefined for a service that asks for none. */
  readonly password: string | undefined
  /** How the server's certificate is checked; undefined where it has none. */
  readonly tls: { readonly ca: string; readonly serverName: string } | undefined
  /** CPU seconds that the server and its sessions have used so far. */
  readonly cpuSeconds: number
}

/** An end at which rows arrive, and which tells what it holds. */
export interface TargetEnd extends End {
  /** What a table holds. `columns` are names, or expressions in place of them. */
  fingerprint(table: string, columns: readonly Cell[], mask?: MaskedColumn): Promise<Fingerprint>
}

/** A column of a fingerprint: its name, and what is summed where that is another expression. */
export interface Cell {
  readonly name: string
  readonly binary?: boolean
  readonly expression?: string
}

/** A column whose values are new after the mask, and are only counted. */
export interface MaskedColumn {
  readonly column: string
  /** The table with the values as they were. */
  readonly original: string
}

/** What a table holds, whatever the order of its rows. */
export interface Fingerprint {
  readonly rows: number
  /** The sum over all rows of a 64-bit hash of the row's text. Only sums of one kind of server can be compared. */
  readonly sum: string
  /** In a masked column: NULLs, distinct values, and rows whose value is still the reference's. */
  readonly masked: { readonly nulls: number; readonly distinct: number; readonly unmasked: number } | undefined
}

/** Equal in all columns that were not masked; in the masked one, NULL where the reference has NULL, one value for each
 * of its values, and none of them left as it was. */
export function isSame(found: Fingerprint, reference: Fingerprint): boolean {
  if (found.rows !== reference.rows || found.sum !== reference.sum) return false
  if (found.masked === undefined) return true
  const { nulls, distinct, unmasked } = found.masked
  return nulls === reference.masked?.nulls && distinct === reference.masked.distinct && unmasked === 0
}
