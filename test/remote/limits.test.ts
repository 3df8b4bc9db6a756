import { describe, expect, it } from 'vitest'
import { costOf, formatUsd, SandboxBudget } from '../../src/remote/cost.js'
import { CreateRate } from '../../src/remote/create-rate.js'

const SIZE = { vcpus: 2, memoryMb: 512 }

describe('cost', () => {
  it('is by vCPU and GiB, used or not', () => {
    expect(costOf(SIZE, 3600)).toBeCloseTo(0.1089, 6)
    expect(16 * costOf(SIZE, 600)).toBeCloseTo(0.2904, 6)
    expect(costOf(SIZE, 86_400)).toBeCloseTo(2.6136, 6)
    expect(costOf({ vcpus: 8, memoryMb: 8192 }, 3600)).toBeCloseTo(0.5328, 6)
  })

  it.each([
    [0, '$0.00'],
    [0.00012, '$0.00012'],
    [0.0304, '$0.030'],
    [0.1089, '$0.11'],
    [52.3, '$52.30'],
  ])('%f is shown as %s', (usd, shown) => {
    expect(formatUsd(usd)).toBe(shown)
  })

  it('of a run is what its sandboxes took; none is started beyond the limit', () => {
    let now = 0
    const budget = new SandboxBudget({ size: SIZE, maxUsd: costOf(SIZE, 150), now: () => now })
    expect([budget.mayStart(), budget.mayStart(), budget.mayStart()]).toEqual([true, true, false])
    now = 30_000
    budget.add(30)
    // 30 s spent, 60 s promised to the one that runs, 60 s for the new one.
    expect(budget.mayStart()).toBe(true)
    expect(budget.mayStart()).toBe(false)
    expect(budget.spent).toEqual({ seconds: 30, usd: costOf(SIZE, 30) })
  })

  // A second job of a range is begun only where the commit could be paid too.
  it('has room for several only where each could be started', () => {
    const budget = new SandboxBudget({ size: SIZE, maxUsd: costOf(SIZE, 150), now: () => 0 })
    expect([budget.allows(2), budget.allows(3)]).toEqual([true, false])
    expect(budget.mayStart()).toBe(true)
    expect([budget.allows(1), budget.allows(2)]).toEqual([true, false])
  })

  it('counts the time of those that still run', () => {
    let now = 0
    const budget = new SandboxBudget({ size: SIZE, maxUsd: costOf(SIZE, 1000), now: () => now })
    expect(budget.mayStart()).toBe(true)
    now = 950_000
    expect(budget.mayStart()).toBe(false)
  })

  it('of one that was never created is nothing', () => {
    const budget = new SandboxBudget({ size: SIZE, maxUsd: costOf(SIZE, 60) })
    for (let n = 0; n < 5; n++) {
      expect(budget.mayStart()).toBe(true)
      budget.add(0)
    }
    expect(budget.spent).toEqual({ seconds: 0, usd: 0 })
  })

  it('without a limit is counted all the same', () => {
    const budget = new SandboxBudget({ size: SIZE, maxUsd: undefined })
    expect(budget.mayStart()).toBe(true)
    budget.add(7200)
    expect(budget.spent.usd).toBeCloseTo(0.2178, 6)
  })
})

describe('the limits of a plan', () => {
  const live = () => new AbortController().signal

  it('let so many in at one time, whatever order they ask and leave in', async () => {
    const rate = new CreateRate({ concurrent: 6, perSecond: 1000 })
    let inside = 0
    let most = 0
    const visit = async (n: number) => {
      await using _ = await rate.reserve(live())
      inside++
      most = Math.max(most, inside)
      await new Promise((resolve) => setTimeout(resolve, n % 3))
      inside--
    }
    await Promise.all(Array.from({ length: 60 }, (_, n) => visit(n)))
    expect([most, inside, rate.taken]).toEqual([6, 0, 0])
  })

  it('serve first who came first, and forget who gives up', async () => {
    const rate = new CreateRate({ concurrent: 1, perSecond: 1000 })
    const order: string[] = []
    const first = await rate.reserve(live())
    const scope = new AbortController()
    const gone = rate.reserve(scope.signal)
    const served = async (who: string) => {
      const place = await rate.reserve(live())
      order.push(who)
      return place
    }
    const second = served('second')
    const third = served('third')
    scope.abort()
    await expect(gone).rejects.toMatchObject({ faultClass: 'aborted' })
    await first[Symbol.asyncDispose]()
    await first[Symbol.asyncDispose]()
    await (await second)[Symbol.asyncDispose]()
    await (await third)[Symbol.asyncDispose]()
    expect([order, rate.taken]).toEqual([['second', 'third'], 0])
  })

  it('space creations out, also those that ask at the same time', async () => {
    let now = 0
    const waits: number[] = []
    const wait = async (ms: number) => {
      waits.push(ms)
    }
    const rate = new CreateRate({ concurrent: 9, perSecond: 5, now: () => now, wait })
    await Promise.all([rate.turn(live()), rate.turn(live()), rate.turn(live())])
    expect(waits).toEqual([200, 400])
    now = 10_000
    await rate.turn(live())
    expect(waits).toEqual([200, 400])
  })

  it('are not waited for by who has given up', async () => {
    const rate = new CreateRate({ concurrent: 1, perSecond: 1 })
    await expect(rate.reserve(AbortSignal.abort())).rejects.toMatchObject({ faultClass: 'aborted' })
    await expect(rate.turn(AbortSignal.abort())).rejects.toMatchObject({ faultClass: 'aborted' })
  })
})
