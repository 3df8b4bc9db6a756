import type { SharedSnapshot } from '../../core/shared-snapshot.js'
import type { AirlockErrorData } from '../../errors/index.js'
import type { EventType } from '../../sinks/index.js'
import type { PartOutcome } from '../jobs/job.js'
import type { FlatData } from '../jobs/job-telemetry.js'
import type { PartTask } from '../jobs/perform-parts.js'
import type { Seen } from '../run-stream.js'

/** What a thread is asked, one thing after the other. */
export type ThreadRequest =
  | { readonly t: 'enter'; readonly shared: SharedSnapshot }
  | { readonly t: 'leave' }
  | { readonly t: 'part'; readonly task: PartTask }
  | { readonly t: 'end' }

/** Comes at any time. */
export interface ThreadAbort {
  readonly t: 'abort'
}

/** Counters of telemetry since the last reply. */
interface Counted {
  readonly counters: Readonly<Record<string, number>>
}

/** What a thread answers: `ready` without having been asked, once its session of the source is open. */
export type ThreadReply =
  | ({ readonly t: 'ready' } & Counted)
  | ({ readonly t: 'entered'; readonly ok: boolean } & Counted)
  | ({ readonly t: 'left' } & Counted)
  | ({ readonly t: 'done'; readonly outcome: PartOutcome; readonly seen: Seen } & Counted)
  /** `lost`: its session of the source does not answer any more. */
  | ({ readonly t: 'failed'; readonly error: AirlockErrorData; readonly lost: boolean } & Counted)
  | ({ readonly t: 'ended' } & Counted)

/** What it tells in between. */
export type ThreadNews =
  | { readonly t: 'event'; readonly name: EventType; readonly data: FlatData }
  | { readonly t: 'seen'; readonly seen: Seen }
