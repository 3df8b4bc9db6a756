import type { MysqlConnection } from '../native.js'

/** What a write has to know of its server. */
export interface ServerFacts {
  readonly mariadb: boolean
  /** Binary and without padding: 'a', 'A', 'á' and 'a ' are four keys. */
  readonly collation: string
  /** Bytes of the largest statement. */
  readonly maxPacket: number
  /** Whether LOAD DATA LOCAL is allowed. */
  readonly localInfile: boolean
}

const COLLATIONS = ['utf8mb4_0900_bin', 'utf8mb4_nopad_bin'] as const

/** Asks the server. MySQL before 8.0.17 has no collation that tells 'a' from 'a ': there it is `utf8mb4_bin`, and a key
 * that ends in a blank meets its constraint. */
export async function serverFacts(connection: MysqlConnection): Promise<ServerFacts> {
  const { rows } = await connection.query(
    `SELECT @@max_allowed_packet, @@local_infile, (SELECT GROUP_CONCAT(collation_name)
      FROM information_schema.collations WHERE collation_name IN (${COLLATIONS.map((name) => `'${name}'`).join(', ')}))`,
  )
  const [packet, local, found] = rows[0] ?? []
  const known = (found ?? '').split(',')
  return {
    mariadb: connection.mariadb,
    collation: COLLATIONS.find((name) => known.includes(name)) ?? 'utf8mb4_bin',
    maxPacket: Number(packet),
    localInfile: local === '1',
  }
}
