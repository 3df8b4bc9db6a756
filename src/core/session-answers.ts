import { atMost } from './bounded.js'
import type { ManagedSession } from './managed-session.js'

/** How long a session may take to answer after a failure. */
const PING_MS = 5000

/** Whether a session still answers after a failure. Asked twice: a request to end the statement before, which comes late,
 * ends the first one instead. */
export async function answers(session: ManagedSession): Promise<boolean> {
  for (let left = 2; left > 0; left--) {
    const asked = session.ping(AbortSignal.timeout(PING_MS)).then(() => true)
    if ((await atMost(PING_MS, asked)) === true) return true
  }
  return false
}
