import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { AuditLog } from '../../src/sinks/audit-log.js'
import type { Receipt } from '../../src/sinks/audit-writer.js'
import {
  messageOf,
  openLog,
  outputOf,
  readRecords,
  scratch,
  startProcess,
  startThread,
  upTo,
} from '../sinks/support.js'

const APPENDER = '../concurrency/append-many.ts'

type Acknowledged = readonly [seq: number, id: string, hash: string]

/** One gap-free sequence, an intact chain, and every acknowledged record in its place. */
async function expectOneChain(dir: string, acknowledged: readonly Acknowledged[]): Promise<void> {
  const records = readRecords(dir)
  expect(records.map((record) => record.seq)).toEqual(upTo(records.length))
  const verification = await AuditLog.verify(dir)
  expect(verification.problems).toEqual([])
  expect(verification.records).toBe(records.length)
  for (const [seq, id, hash] of acknowledged) {
    expect([records[seq]?.op, records[seq]?.h]).toEqual([id, hash])
  }
}

function parseAcknowledged(output: string): Acknowledged[] {
  return output
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split(' '))
    .filter((parts) => parts.length === 3)
    .map(([seq, id, hash]) => [Number(seq), id!, hash!])
}

describe('A1 one gap-free chain', () => {
  it('A1 100 concurrent appends of one instance: seq 0 to 99', async () => {
    const dir = scratch()
    const log = await openLog(dir)
    const receipts = await Promise.all(upTo(100).map((i) => log.append({ type: 'row.written', op: `p-${i}` })))
    expect(receipts.map((receipt) => receipt.seq)).toEqual(upTo(100))
    expect(receipts.every((receipt) => receipt.durable && receipt.stored)).toBe(true)
    await expectOneChain(
      dir,
      receipts.map((receipt, i) => [receipt.seq, `p-${i}`, receipt.hash]),
    )
  })

  // Guard: the recheck of the head under the lock. Broken once by never re-reading the tail when the size of the segment
  // changed (AuditSegments.current): this test and the two below failed with repeated numbers and broken digests.
  // Guard: the lock. Broken once by taking it without asking the system: the two tests below failed the same way.
  it('A1 promises: four instances in one event loop share the directory', async () => {
    const dir = scratch()
    const logs = await Promise.all(upTo(4).map(() => openLog(dir, { durability: 'none' })))
    const acknowledged: Acknowledged[] = []
    await Promise.all(
      logs.flatMap((log, writer) =>
        upTo(20).map(async (producer) => {
          for (let i = 0; i < 10; i += 1) {
            const id = `${writer}-${producer}-${i}`
            const receipt: Receipt = await log.append({ type: 'row.written', op: id })
            acknowledged.push([receipt.seq, id, receipt.hash])
            // Somebody else's turn: without it one instance could be done before the next one begins.
            await sleep(i % 3)
          }
        }),
      ),
    )
    expect(acknowledged).toHaveLength(800)
    await expectOneChain(dir, acknowledged)
  })

  it('A1 worker threads: four threads share the directory', async () => {
    const dir = scratch()
    const threads = upTo(4).map((i) =>
      startThread(APPENDER, { dir, name: `t${i}`, count: 500, producers: 16, padding: 20, writers: 4 }),
    )
    const acknowledged = (await Promise.all(threads.map(messageOf))) as Acknowledged[][]
    expect(acknowledged.flat()).toHaveLength(2000)
    await expectOneChain(dir, acknowledged.flat())
  })

  it('A1 processes: four processes share the directory, with rotation', async () => {
    const dir = scratch()
    const job = { dir, count: 500, producers: 16, padding: 20, writers: 4, maxSegmentBytes: 50_000 }
    const children = upTo(4).map((i) => startProcess(APPENDER, [JSON.stringify({ ...job, name: `p${i}` })]))
    const acknowledged = (await Promise.all(children.map((child) => outputOf(child)))).flatMap(parseAcknowledged)
    expect(acknowledged).toHaveLength(2000)
    expect((await AuditLog.verify(dir)).segments.length).toBeGreaterThan(5)
    await expectOneChain(dir, acknowledged)
  })
})
