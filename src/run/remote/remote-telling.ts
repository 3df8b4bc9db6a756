import type { WorkerFrame } from '../../remote/index.js'
import { EVENT_TYPES, type EventType } from '../../sinks/index.js'
import { knownCounters } from '../known-counters.js'
import type { RunTask } from '../stream-runner.js'

/** Passes on what workers tell, as if it had happened here: their events, progress, and counters. */
export class RemoteTelling {
  #task: RunTask

  constructor(task: RunTask) {
    this.#task = task
  }

  /** Takes one frame. Names that telemetry does not know are dropped: a sandbox is not trusted. */
  tell(frame: WorkerFrame): void {
    const { workspace, options } = this.#task
    if (frame.t === 'progress') {
      const { stream, rows, bytes, estimated, seconds } = frame
      options.onProgress?.({ stream, rows, bytes, estimatedRows: estimated, seconds })
    }
    if (frame.t === 'event' && isEvent(frame.name)) workspace.telemetry.emit(frame.name, frame.data)
  }

  /** Adds what a worker has counted. */
  count(counters: Readonly<Record<string, number>>): void {
    this.#task.workspace.telemetry.add(knownCounters(counters))
  }
}

function isEvent(name: string): name is EventType {
  return (EVENT_TYPES as readonly string[]).includes(name)
}
