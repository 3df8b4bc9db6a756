import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { SingleFlight } from '../../src/cache/index.js'
import { upTo } from '../sinks/support.js'

/** A load that ends when it is told to. */
function gate<T>(value: T) {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, load: () => opened.then(() => value) }
}

describe('a single flight', () => {
  // Guard: the flight is in the map before the first await. Broken once by an await before the set: 1,000 loads.
  it('C1 loads once for a thousand callers of one turn, and gives them the same object', async () => {
    const flights = new SingleFlight<object>()
    let loads = 0
    const load = async () => {
      loads++
      await sleep(5)
      return {}
    }
    const results = await Promise.all(upTo(1000).map(() => flights.run('k', load)))
    expect(loads).toBe(1)
    expect(new Set(results).size).toBe(1)
    expect(flights.size).toBe(0)
  })

  it('never lets another key wait', async () => {
    const flights = new SingleFlight<string>()
    const slow = gate('slow')
    const waiting = flights.run('slow', slow.load)
    expect(await flights.run('fast', async () => 'fast')).toBe('fast')
    slow.open()
    expect(await waiting).toBe('slow')
  })

  // Guard: a failed flight is forgotten. Broken once by keeping it: the second caller got the old error.
  it('C2 gives a failure to all who wait and to nobody else', async () => {
    const flights = new SingleFlight<number>()
    const failing = async (): Promise<number> => {
      throw new Error('no')
    }
    const outcomes = await Promise.allSettled(upTo(10).map(() => flights.run('k', failing)))
    expect(outcomes.map((outcome) => outcome.status)).toEqual(upTo(10).map(() => 'rejected'))
    expect(await flights.run('k', async () => 7)).toBe(7)
  })

  it('C2 treats a loader that throws at once like one that rejects', async () => {
    const flights = new SingleFlight<number>()
    const throwing = (): Promise<number> => {
      throw new Error('at once')
    }
    await expect(flights.run('k', throwing)).rejects.toThrow('at once')
    expect(flights.size).toBe(0)
  })

  it('C4 detaches the one caller of ten that aborts; the load goes on for the others', async () => {
    const flights = new SingleFlight<number>()
    const slow = gate(1)
    let aborted = false
    const load = (signal: AbortSignal) => {
      signal.addEventListener('abort', () => {
        aborted = true
      })
      return slow.load()
    }
    const controller = new AbortController()
    const callers = upTo(10).map((i) => flights.run('k', load, i === 3 ? controller.signal : undefined))
    await sleep(1)
    controller.abort(new Error('mine'))
    await expect(callers[3]).rejects.toThrow('mine')
    slow.open()
    const outcomes = await Promise.allSettled(callers)
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(9)
    expect(aborted).toBe(false)
  })

  // Guard: the last one out aborts and forgets the flight. Broken once without forgetting: the next caller was given the
  // aborted load.
  it('C4 aborts the load when nobody waits any more, and starts anew for the next', async () => {
    const flights = new SingleFlight<number>()
    const controllers = upTo(3).map(() => new AbortController())
    let aborts = 0
    // It hears of the abort and takes its time.
    const load = (signal: AbortSignal) =>
      new Promise<number>(() => {
        signal.addEventListener('abort', () => {
          aborts++
        })
      })
    const callers = controllers.map(({ signal }) => flights.run('k', load, signal))
    await sleep(1)
    for (const controller of controllers) controller.abort(new Error('left'))
    const outcomes = await Promise.allSettled(callers)
    expect(outcomes.every((outcome) => outcome.status === 'rejected')).toBe(true)
    expect(aborts).toBe(1)
    expect(await flights.run('k', async () => 2)).toBe(2)
  })
})
