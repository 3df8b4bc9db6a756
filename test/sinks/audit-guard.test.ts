import { describe, expect, it } from 'vitest'
import { AirlockError } from '../../src/errors/index.js'
import { type AuditSinkPort, unrecordedResult } from '../../src/sinks/audit-guard.js'
import { AuditLog } from '../../src/sinks/audit-log.js'
import { AuditQuorum } from '../../src/sinks/audit-quorum.js'
import { faultyFiles } from './faulty-files.js'
import { openLog, readRecords, scratch, upTo } from './support.js'

/** A log on a disk that fails while `broken` says so. */
async function breakableLog(dir: string, onFailure: 'closed' | 'open') {
  const disk = { broken: false }
  const files = faultyFiles((_, operation) => (disk.broken && operation === 'write' ? 'EIO' : undefined))
  return { disk, log: await openLog(dir, { files, onFailure }) }
}

describe('guard', () => {
  it('records the intent before and the outcome after, linked by the operation', async () => {
    const dir = scratch()
    const log = await openLog(dir)
    const result = await log.guard(
      { type: 'table.written', data: { table: 'orders' } },
      async (op) => {
        expect(readRecords(dir)).toMatchObject([{ op, outcome: 'intent', data: { table: 'orders' } }])
        return { rows: 3 }
      },
      (written) => written,
    )
    expect(result).toEqual({ rows: 3 })
    const [intent, outcome] = readRecords(dir)
    expect(outcome).toMatchObject({ type: 'table.written', op: intent!.op, outcome: 'ok', data: { rows: 3 } })
  })

  it('records a failure by its code and lets the error through', async () => {
    const dir = scratch()
    const log = await openLog(dir)
    const failure = new AirlockError('DISK_FULL', { phase: 'write', origin: '53100' })
    const run = log.guard({ type: 'table.written' }, () => Promise.reject(failure))
    await expect(run).rejects.toBe(failure)
    const native = log.guard({ type: 'table.written' }, () => Promise.reject(new Error('host db.internal refused')))
    await expect(native).rejects.toThrow('host db.internal refused')
    expect(readRecords(dir).map((record) => record.data)).toEqual([
      null,
      { code: 'DISK_FULL', ref: failure.ref, origin: '53100' },
      null,
      { code: 'INTERNAL' },
    ])
  })

  // Guard: fail closed. Broken once by running `fn` when the intent was refused: the spy was called.
  it('A10 closed: when nothing can be written the operation never runs', async () => {
    const { disk, log } = await breakableLog(scratch(), 'closed')
    disk.broken = true
    let ran = 0
    const run = log.guard({ type: 'table.written' }, () => {
      ran += 1
    })
    await expect(run).rejects.toMatchObject({ code: 'AUDIT_UNAVAILABLE', origin: 'EIO' })
    await log.close()
    await expect(log.guard({ type: 'table.written' }, () => (ran += 1))).rejects.toMatchObject({
      code: 'AUDIT_UNAVAILABLE',
    })
    expect(ran).toBe(0)
  })

  it('A10 closed: an outcome that cannot be recorded rejects, with the result kept beside the error', async () => {
    const { disk, log } = await breakableLog(scratch(), 'closed')
    const run = log.guard({ type: 'table.written' }, () => {
      disk.broken = true
      return { secret: 'row value' }
    })
    const [result] = await Promise.allSettled([run])
    const { reason } = result as PromiseRejectedResult
    expect(reason).toMatchObject({ code: 'AUDIT_OUTCOME_LOST' })
    expect(unrecordedResult(reason)).toEqual({ secret: 'row value' })
    expect(JSON.stringify(Object.getOwnPropertyDescriptors(reason))).not.toContain('row value')
    expect(log.stats().state).toBe('degraded')
  })

  it('A10 closed: an error of the operation comes before an outcome that cannot be recorded', async () => {
    const { disk, log } = await breakableLog(scratch(), 'closed')
    const failure = new AirlockError('DEADLOCK')
    const run = log.guard({ type: 'table.written' }, () => {
      disk.broken = true
      throw failure
    })
    await expect(run).rejects.toBe(failure)
  })

  it('A10 open: the operation runs, drops are counted exactly and recorded when the disk is back', async () => {
    const dir = scratch()
    const { disk, log } = await breakableLog(dir, 'open')
    disk.broken = true
    expect(await log.guard({ type: 'table.written' }, () => 'done')).toBe('done')
    const receipts = await Promise.all(upTo(48).map(() => log.append({ type: 'row.written' })))
    expect(receipts.every((receipt) => !receipt.stored && receipt.seq === -1)).toBe(true)
    expect(log.stats().lost).toBe(50)
    disk.broken = false
    await log.append({ type: 'row.written', op: 'after' })
    expect(readRecords(dir)).toMatchObject([{ type: 'audit.events_lost', data: { count: 50 } }, { op: 'after' }])
    expect((await AuditLog.verify(dir)).problems).toEqual([])
  })
})

describe('several sinks', () => {
  const hung: AuditSinkPort = {
    append: () => new Promise(() => undefined),
    flush: async () => undefined,
    close: async () => undefined,
  }

  it('A10 one of two sinks fails: the operation runs', async () => {
    const dir = scratch()
    const { disk, log: broken } = await breakableLog(scratch(), 'closed')
    disk.broken = true
    const quorum = new AuditQuorum([broken, await openLog(dir)])
    expect(await quorum.guard({ type: 'table.written' }, () => 'done')).toBe('done')
    expect(readRecords(dir).map((record) => record.outcome)).toEqual(['intent', 'ok'])
    expect(quorum.failures[1]).toBe(0)
  })

  it('A10 a sink that hangs is given up at its timeout, and left alone after some failures', async () => {
    const alone = new AuditQuorum([hung], { timeoutMs: 30 })
    let ran = 0
    await expect(alone.guard({ type: 'table.written' }, () => (ran += 1))).rejects.toMatchObject({
      code: 'AUDIT_UNAVAILABLE',
    })
    expect(ran).toBe(0)
    const both = new AuditQuorum([hung, await openLog(scratch())], { timeoutMs: 20, quorum: 2, breakAfter: 2 })
    for (const _ of upTo(4)) await expect(both.append({ type: 'row.written' })).rejects.toThrow()
    expect(both.failures).toEqual([2, 0])
    await both.close()
  })

  it('A10 no sink, or fewer than the quorum, is a configuration error', async () => {
    expect(() => new AuditQuorum([])).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    expect(() => new AuditQuorum([hung], { quorum: 2 })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })
})
