/** Loaded with `node --import` in front of a program: writes how late its event loop was to BENCH_LOOP_DELAY when it
 * ends, in milliseconds. Measuring begins with the first connection, since loading the program's own modules is
 * start-up, not a delay of the load. */
import { writeFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

const RESOLUTION_MS = 10
const path = process.env['BENCH_LOOP_DELAY']

if (isMainThread && path !== undefined) {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  const { connect } = Socket.prototype
  // The channel `net.client.socket` knows only sockets of `net.connect`, and the client libraries make their own.
  Socket.prototype.connect = function (...args) {
    Socket.prototype.connect = connect
    delays.enable()
    return connect.apply(this, args)
  }
  process.once('exit', () => {
    // A sample is the time between two ticks of a timer, of which the resolution is no delay.
    const late = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS)
    if (delays.count === 0) return
    const report = { p99Ms: late(delays.percentile(99)), maxMs: late(delays.max), samples: delays.count }
    writeFileSync(path, JSON.stringify(report))
  })
}
