import { expect } from 'vitest'
import type { Batch } from '../../src/core/batch.js'
import type { ExtractRequest } from '../../src/core/driver.js'
import type { ManagedSession } from '../../src/core/managed-session.js'
import { graphql } from '../../src/drivers/index.js'
import { countSockets, settle } from '../../src/testing/index.js'
import type { GraphqlFault, GraphqlServer } from './graphql-server.js'

export const ORDERS = `query ($n: Int, $after: String) {
  orders(first: $n, after: $after) { nodes { id number total customer { name } tags } pageInfo { hasNextPage endCursor } }
}`

export function openAt(server: GraphqlServer, more: object = {}): Promise<ManagedSession> {
  return graphql.open({ endpoint: server.url, page_size: 10, ...more }, { name: 'api' })
}

export async function objects(batches: AsyncIterable<Batch>): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = []
  for await (const batch of batches) rows.push(...batch.objects())
  return rows
}

export async function read(server: GraphqlServer, request: ExtractRequest, more: object = {}) {
  await using session = await openAt(server, more)
  return await objects(session.extract(request))
}

/** The n-th request for data gets a fault; pings and introspection are left alone. */
export function failAt(server: GraphqlServer, nth: number | 'always', fault: GraphqlFault): void {
  let seen = 0
  server.fault = ({ query }) => {
    if (/__schema|^\{ __typename \}$/.test(query)) return undefined
    seen++
    return nth === 'always' || seen === nth ? fault : undefined
  }
}

export async function expectNoSockets(server: { readonly port: number }): Promise<void> {
  expect(await settle(() => countSockets(server.port), 0, 2_000)).toBe(0)
}
