import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Batch } from '../../src/core/batch.js'
import { BatchQueue } from '../../src/core/batch-queue.js'
import { AirlockError } from '../../src/errors/index.js'
import { batchOf, column } from '../drivers/rows.js'
import { failure } from '../drivers/support.js'

const COLUMNS = [column('a', 'text')]
const batch = (bytes: number): Batch => batchOf(COLUMNS, [['x'.repeat(bytes)]])

function queue(budget: number) {
  const calls: string[] = []
  const made = new BatchQueue(
    {
      pause: () => calls.push('pause'),
      resume: () => calls.push('resume'),
      cancel: async () => {
        await turn()
        calls.push('cancel')
      },
    },
    budget,
  )
  return { queue: made, calls, iterator: made[Symbol.asyncIterator]() }
}

describe('the queue between a socket and a consumer', () => {
  it('pauses the source at its budget and resumes it below half of it, once each', async () => {
    const { queue: q, calls, iterator } = queue(10_000)
    for (let i = 0; i < 12; i++) q.push(batch(1_000))
    expect(calls).toEqual(['pause'])
    for (let i = 0; i < 6; i++) await iterator.next()
    expect(calls).toEqual(['pause'])
    await iterator.next()
    await iterator.next()
    expect(calls).toEqual(['pause', 'resume'])
    for (let i = 0; i < 8; i++) q.push(batch(1_000))
    expect(calls).toEqual(['pause', 'resume', 'pause'])
  })

  it('ends only when it is told so, after everything that was pushed', async () => {
    const { queue: q, calls, iterator } = queue(1)
    q.push(batch(5))
    q.push(batch(6))
    q.end()
    expect(q.closed).toBe(true)
    q.push(batch(7))
    expect((await iterator.next()).value?.data.length).toBe(5)
    expect((await iterator.next()).value?.data.length).toBe(6)
    expect((await iterator.next()).done).toBe(true)
    expect(calls.includes('cancel')).toBe(false)
    expect(q.cancelled).toBe(false)
  })

  it('wakes a consumer that waits', async () => {
    const { queue: q, iterator } = queue(100)
    const waiting = iterator.next()
    await turn()
    q.push(batch(3))
    expect((await waiting).value?.rowCount).toBe(1)
    const end = iterator.next()
    await turn()
    q.end()
    expect((await end).done).toBe(true)
  })

  it('fails its consumer at once: what is queued is dropped, the source is not cancelled', async () => {
    const { queue: q, calls, iterator } = queue(100)
    q.push(batch(3))
    q.fail(new AirlockError('CONNECTION_LOST'))
    q.fail(new AirlockError('INTERNAL'))
    q.end()
    await failure(iterator.next(), 'CONNECTION_LOST')
    expect((await iterator.next()).done).toBe(true)
    expect(calls).toEqual([])
  })

  it('fails a consumer that waits', async () => {
    const { queue: q, iterator } = queue(100)
    const waiting = failure(iterator.next(), 'DEADLOCK')
    await turn()
    q.fail(new AirlockError('DEADLOCK'))
    await waiting
  })

  it('cancels the source when its consumer leaves, and waits for that', async () => {
    const { queue: q, calls } = queue(100)
    q.push(batch(3))
    for await (const _ of q) break
    expect(calls).toEqual(['cancel'])
    expect([q.cancelled, q.closed]).toEqual([true, true])
    const thrown = queue(100)
    thrown.queue.push(batch(3))
    const consume = async () => {
      for await (const _ of thrown.queue) throw new RangeError('mine')
    }
    await expect(consume()).rejects.toThrow('mine')
    expect(thrown.calls).toEqual(['cancel'])
  })

  it('has one consumer only', async () => {
    const { queue: q, iterator } = queue(100)
    q.push(batch(1))
    await iterator.next()
    await failure(q[Symbol.asyncIterator]().next(), 'SESSION_BUSY')
  })
})
