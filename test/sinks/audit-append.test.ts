import { AsyncLocalStorage } from 'node:async_hooks'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { AuditLog } from '../../src/sinks/audit-log.js'
import { EventFile } from '../../src/sinks/event-file.js'
import { openLog, plainMasker, readRecords, scratch, segmentPaths, upTo } from './support.js'

describe('append', () => {
  it('writes one line per record with its keys in order and the digest last', async () => {
    const dir = scratch()
    const log = await openLog(dir)
    const receipt = await log.append({
      type: 'row.written',
      op: 'o1',
      session: 's1',
      data: { rows: 3, big: 2n ** 70n },
    })
    const [record] = readRecords(dir)
    expect(Object.keys(record!)).toEqual(['v', 'seq', 'ts', 'writer', 'session', 'type', 'op', 'outcome', 'data', 'h'])
    expect(record).toMatchObject({ v: 1, seq: 0, session: 's1', type: 'row.written', op: 'o1', outcome: 'info' })
    expect(record!.data).toEqual({ rows: 3, big: '1180591620717411303424' })
    expect(record!.h).toBe(receipt.hash)
  })

  it('creates directories 0700 and files 0600, and reads no host name into them', async () => {
    const dir = join(scratch(), 'home', 'audit')
    const log = await openLog(dir, { reserveBytes: 4096 })
    await log.append({ type: 'row.written' })
    expect(statSync(dir).mode & 0o777).toBe(0o700)
    for (const name of ['.lock', '.salt', '.reserve', 'audit-00000001.jsonl']) {
      expect([name, statSync(join(dir, name)).mode & 0o777]).toEqual([name, 0o600])
    }
  })

  it('refuses types that belong to the log itself', async () => {
    const log = await openLog(scratch())
    await expect(log.append({ type: 'audit.segment_closed' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })

  it('A3 stores a 600 KiB line whole, through the audit log and the event file', async () => {
    const dir = scratch()
    const big = 'ü'.repeat(300 * 1024)
    const log = await openLog(dir, { maxLineBytes: 1024 * 1024 })
    await Promise.all(upTo(8).map((i) => log.append({ type: 'row.written', op: `${i}`, data: { big } })))
    await log.close()
    expect(readRecords(dir).map((record) => (record.data as { big: string }).big === big)).toEqual(Array(8).fill(true))
    expect((await AuditLog.verify(dir)).problems).toEqual([])

    const events = scratch()
    const file = new EventFile({ dir: events, name: 'events', onDropped: () => expect.unreachable() })
    for (const _ of upTo(8)) file.post(JSON.stringify({ big }))
    await file.close(5000)
    expect(readRecords(events)).toEqual(Array(8).fill({ big }))
  })

  it('A3 keeps size and digest of data beyond the limit', async () => {
    const dir = scratch()
    const log = await openLog(dir)
    await log.append({ type: 'row.written', data: { big: 'x'.repeat(600 * 1024) } })
    const { data } = readRecords(dir)[0]!
    expect(data).toMatchObject({ omitted: 'too_large', bytes: 600 * 1024 + 10 })
    expect((data as { sha256: string }).sha256).toMatch(/^[0-9a-f]{64}$/)
  })

  it('A11 an event that is changed after append is recorded as it was', async () => {
    const dir = scratch()
    const log = await openLog(dir)
    const data = { table: 'orders', rows: [1, 2] }
    const stored = log.append({ type: 'row.written', data })
    data.table = 'secret'
    data.rows.push(3)
    await stored
    expect(readRecords(dir)[0]!.data).toEqual({ table: 'orders', rows: [1, 2] })
  })

  it('A13 2,000 interleaved sessions: each record names the session of its caller', async () => {
    const dir = scratch()
    const sessions = new AsyncLocalStorage<string>()
    const log = await openLog(dir, { durability: 'none', session: () => sessions.getStore() })
    await Promise.all(
      upTo(2000).map((i) =>
        sessions.run(`s${i}`, async () => {
          await log.append({ type: 'session.opened', op: `s${i}` })
          await sleep(i % 7)
          await log.append({ type: 'session.closed', op: `s${i}` })
        }),
      ),
    )
    const records = readRecords(dir)
    expect(records).toHaveLength(4000)
    expect(records.filter((record) => record.session !== record.op)).toEqual([])
  })

  it('A14 close during load: every append settles, close is idempotent, later appends are refused', async () => {
    const dir = scratch()
    const log = await openLog(dir, { durability: 'none' })
    const appends = upTo(5000).map((i) => log.append({ type: 'row.written', op: `${i}` }))
    const closing = log.close()
    expect(log.close()).toBe(closing)
    const results = await Promise.allSettled(appends)
    await closing
    expect(results.filter((result) => result.status === 'rejected')).toEqual([])
    expect(readRecords(dir)).toHaveLength(5000)
    await expect(log.append({ type: 'row.written' })).rejects.toMatchObject({ code: 'AUDIT_UNAVAILABLE' })
    expect(log.stats()).toMatchObject({ state: 'closed', stored: 5000, lost: 1, queuedEvents: 0, queuedBytes: 0 })
  })

  it('refuses what the bounded queue cannot hold, and says how many were lost', async () => {
    const dir = scratch()
    const log = await openLog(dir, { maxQueueEvents: 10 })
    const results = await Promise.allSettled(upTo(25).map((i) => log.append({ type: 'row.written', op: `${i}` })))
    expect(results.map((result) => result.status === 'fulfilled')).toEqual(upTo(25).map((i) => i < 10))
    await log.append({ type: 'row.written', op: 'after' })
    const records = readRecords(dir)
    expect(records.filter((record) => record.type === 'audit.events_lost').map((record) => record.data)).toEqual([
      { count: 15 },
    ])
    expect(log.stats().lost).toBe(15)
  })

  it('writes own segments with a chain of their own where the platform has no lock', async () => {
    const dir = scratch()
    const logs = await Promise.all(upTo(3).map(() => openLog(dir, { lockBinding: null })))
    await Promise.all(logs.flatMap((log) => upTo(20).map(() => log.append({ type: 'row.written' }))))
    await Promise.all(logs.map((log) => log.close()))
    expect(segmentPaths(dir)).toHaveLength(3)
    expect(await AuditLog.verify(dir)).toMatchObject({ ok: true, records: 60 })
  })

  it('a masker that throws costs the data of the record, not its secrecy and not the record', async () => {
    const dir = scratch()
    const fail = (): never => {
      throw new Error('mask')
    }
    const log = await openLog(dir, { masker: { value: fail, text: plainMasker.text } })
    await log.append({ type: 'row.written', data: { password: 'hunter2' } })
    expect(readRecords(dir)[0]!.data).toEqual({ omitted: 'mask_failed' })
  })

  it('records compare values by correlation: equal inside a log, unrelated across logs', async () => {
    const [a, b] = [scratch(), scratch()]
    const [first, again, other] = [await openLog(a), await openLog(a), await openLog(b)]
    expect(first.correlate('jo@example.com')).toBe(again.correlate('jo@example.com'))
    expect(first.correlate('jo@example.com')).not.toBe(first.correlate('jo@example.org'))
    expect(first.correlate('jo@example.com')).not.toBe(other.correlate('jo@example.com'))
  })
})
