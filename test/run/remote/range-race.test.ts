import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { RangeRace, type RangeRaceOptions, type Runner } from '../../../src/run/remote/range-race.js'

interface End {
  readonly won: boolean
  readonly by: string
}

/** A race of two ranges, the first of which was done at once. */
async function raceOf(changes: Partial<RangeRaceOptions> = {}): Promise<RangeRace> {
  const race = new RangeRace({
    ...{ total: 2, leastMs: 50, hasRoom: () => true, signal: new AbortController().signal },
    ...changes,
  })
  await race.run(async ({ begin }) => {
    begin()
    return { won: true, by: 'other range' }
  })
  return race
}

/** Ends when it is told to, or as `lost` when its signal aborts. */
function runners() {
  const started: (Runner & { readonly end: (end: End) => void })[] = []
  const start = async (runner: Runner): Promise<End> => {
    const { promise, resolve } = withResolvers()
    runner.signal.addEventListener('abort', () => resolve({ won: false, by: 'signal' }), { once: true })
    started.push({ ...runner, end: resolve })
    runner.begin()
    return await promise
  }
  const both = () => expect.poll(() => started.length, { timeout: 5_000 }).toBe(2)
  return { started, start, both }
}

function withResolvers() {
  let resolve: (end: End) => void = () => undefined
  const promise = new Promise<End>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

// Seen red without the abort of the loser, without hasRoom, and with the first end taken whether it won or not.
describe('a race for a range', () => {
  it('is won by the copy, which ends the first', async () => {
    const { started, start, both } = runners()
    const run = (await raceOf()).run(start)
    await both()
    expect(started.map(({ copiedAfter }) => copiedAfter)).toEqual([undefined, expect.any(Number)])
    started[1]!.end({ won: true, by: 'copy' })
    expect(await run).toEqual({ won: true, by: 'copy' })
    expect(started[0]!.signal.reason).toMatchObject({ event: 'partition.outrun' })
  })

  it('is won by the first, which ends the copy', async () => {
    const { started, start, both } = runners()
    const run = (await raceOf()).run(start)
    await both()
    started[0]!.end({ won: true, by: 'first' })
    expect(await run).toEqual({ won: true, by: 'first' })
    expect(started[1]!.signal.reason).toMatchObject({ event: 'partition.outrun' })
  })

  it.each([
    [0, 1],
    [1, 0],
  ])('goes on where one of both fails', async (failed, other) => {
    const { started, start, both } = runners()
    const run = (await raceOf()).run(start)
    await both()
    started[failed]!.end({ won: false, by: 'failed' })
    await sleep(20)
    expect(started[other]!.signal.aborted).toBe(false)
    started[other]!.end({ won: true, by: 'other' })
    expect(await run).toEqual({ won: true, by: 'other' })
  })

  it('is lost as the first lost it where both fail', async () => {
    const { started, start, both } = runners()
    const run = (await raceOf()).run(start)
    await both()
    started[1]!.end({ won: false, by: 'copy' })
    started[0]!.end({ won: false, by: 'first' })
    expect(await run).toEqual({ won: false, by: 'first' })
  })

  it('has no second runner as long as there is no room', async () => {
    let isFree = false
    const { started, start, both } = runners()
    const run = (await raceOf({ hasRoom: () => isFree })).run(start)
    await sleep(700)
    expect(started.length).toBe(1)
    isFree = true
    await both()
    started[0]!.end({ won: true, by: 'first' })
    await run
  })

  it('has no second runner before half of the ranges are done, and never a third', async () => {
    const few = runners()
    const early = (await raceOf({ total: 3 })).run(few.start)
    const { started, start, both } = runners()
    const run = (await raceOf()).run(start)
    await both()
    await sleep(700)
    expect([few.started.length, started.length]).toEqual([1, 2])
    for (const { end } of [...few.started, ...started]) end({ won: true, by: 'any' })
    await Promise.all([early, run])
  })

  it('ends with its signal, whatever it waits for', async () => {
    const asked = new AbortController()
    const { started, start, both } = runners()
    const run = (await raceOf({ signal: asked.signal })).run(start)
    await both()
    asked.abort()
    expect(await run).toEqual({ won: false, by: 'signal' })
    expect(started.every(({ signal }) => signal.aborted)).toBe(true)
  })

  it('rejects with what a job rejects with, after it has ended the other', async () => {
    const { started, start, both } = runners()
    const race = await raceOf()
    const run = race.run(async (runner) => {
      if (runner.copiedAfter === undefined) return await start(runner)
      void start(runner)
      throw new RangeError('a defect')
    })
    await Promise.all([expect(run).rejects.toThrow('a defect'), both()])
    expect(started[0]!.signal.aborted).toBe(true)
  })
})
