import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { AuditLog } from '../../src/sinks/audit-log.js'
import { outputOf, readRecords, scratch, startProcess } from './support.js'

async function expectEverythingStored(dir: string): Promise<void> {
  expect(await AuditLog.verify(join(dir, 'audit'))).toMatchObject({ ok: true, records: 500 })
  const events = readRecords(join(dir, 'telemetry'))
  expect(events.map((event) => event.type)).toEqual(['stream.completed', 'telemetry.stopped'])
  expect(events[1]!.data).toMatchObject({ rows_written: 500, events_dropped: 0 })
}

describe('A15 the end of the process', () => {
  it('A15 beforeExit: what was appended without waiting is stored', async () => {
    const dir = scratch()
    await outputOf(startProcess('./write-and-wait.ts', [dir, 'dry']))
    await expectEverythingStored(dir)
  })

  it('A15 SIGTERM: everything is stored, then the signal ends the process', async () => {
    const dir = scratch()
    const child = startProcess('./write-and-wait.ts', [dir, 'signal'])
    const output = outputOf(child, 'SIGTERM')
    await once(child.stdout!, 'data')
    child.kill('SIGTERM')
    await output
    expect(child.signalCode).toBe('SIGTERM')
    await expectEverythingStored(dir)
  })
})
