import { Socket } from 'node:net'

/** The descriptor over which a process notices that whoever started it is gone: a pipe that nothing is ever written to. */
const LIFELINE = 3

/** Calls back when the process that started this one, with a pipe as its fourth descriptor, has ended in whatever way. */
export function onOrphaned(orphaned: () => void): void {
  const lifeline = new Socket({ fd: LIFELINE, readable: true, writable: false })
  lifeline.on('close', orphaned)
  lifeline.on('error', orphaned)
  lifeline.resume()
  lifeline.unref()
}
