/** Appends and emits without waiting, then ends as its argument says: `dry` lets the event loop run dry, `signal` waits. */
import { AuditLog } from '../../src/sinks/audit-log.js'
import { closeOnExit } from '../../src/sinks/exit-flush.js'
import { Telemetry } from '../../src/sinks/telemetry.js'

const [dir, how] = process.argv.slice(2)
const masker = { value: (v: unknown) => v, text: (s: string) => s }
const log = await AuditLog.open({ dir: `${dir}/audit`, masker, reserveBytes: 0 })
const telemetry = Telemetry.open({ dir: `${dir}/telemetry`, masker })
closeOnExit([log, { close: () => telemetry.stop() }])
const appends = Array.from({ length: 500 }, (_, i) => log.append({ type: 'row.written', op: `${i}` }))
telemetry.add({ rows_written: 500 })
telemetry.emit('stream.completed', { rows: 500 })
void Promise.all(appends)
if (how === 'signal') {
  setInterval(() => undefined, 1000)
  process.stdout.write('ready\n')
}
