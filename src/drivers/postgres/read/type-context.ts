import type { PostgresConnection } from '../native.js'
import { moneyDigits } from './source.js'
import { postgresSourcePolicies } from './source-policies.js'
import type { TypeContext } from './source-types.js'
import { loadTypes } from './type-catalog.js'

/** What is needed to say what columns of these types are, under the default policies. */
export async function typeContext(connection: PostgresConnection, oids: Iterable<number>): Promise<TypeContext> {
  const catalog = await loadTypes(connection, oids)
  const money = [...catalog.values()].some(({ name, schema }) => name === 'money' && schema === 'pg_catalog')
  return { catalog, policies: postgresSourcePolicies(), moneyDigits: money ? await moneyDigits(connection) : 0 }
}
