import type { DemoDatabase } from './demo-servers.js'

/** A session that we closed is listed by its server until the server has noticed. */
const NOTICE_MS = 2_000

/** How many sessions of the demo's users the servers themselves still count. */
export async function sessionsLeft(databases: readonly DemoDatabase[]): Promise<number> {
  const { settle } = await import('../testing/sockets.js')
  const counts = databases.map(({ engine, database }) =>
    settle(() => engine.sessions({ user: database.user }), 0, NOTICE_MS),
  )
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
}
