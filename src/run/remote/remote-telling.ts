import type { WorkerFrame } from '../../remote/index.js'
import { COUNTERS, type CounterName, EVENT_TYPES, type EventType } from '../../sinks/index.js'
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
    const known = Object.entries(counters).filter(
      ([name, value]) => isCounter(name) && Number.isSafeInteger(value) && value >= 0,
    )
    this.#task.workspace.telemetry.add(Object.fromEntries(known) as Partial<Record<CounterName, number>>)
  }
}

function isEvent(name: string): name is EventType {
  return (EVENT_TYPES as readonly string[]).includes(name)
}

function isCounter(name: string): name is CounterName {
  return (COUNTERS as readonly string[]).includes(name)
}
