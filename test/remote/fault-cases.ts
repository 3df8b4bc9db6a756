import { expect, it } from 'vitest'
import type { E2BFault } from '../../src/testing/index.js'
import type { BenchRunOptions, FaultBench } from './fault-bench.js'

/** One row of a fault matrix. */
export interface FaultCase {
  readonly name: string
  readonly faults: readonly E2BFault[]
  /** `status exit`, and how many sandboxes it took. */
  readonly ends: readonly [status: string, exit: number, sandboxes: number]
  /** The events beside those of a healthy run, in order of the alphabet: all of them, and no others. */
  readonly events: readonly string[]
  /** Events that depend on which of two comes first. */
  readonly maybe?: readonly string[]
  /** Classes of the first of these events, or of `classesOf`. */
  readonly classes?: readonly string[]
  readonly classesOf?: string
  readonly options?: BenchRunOptions
}

/** A test for each row: what every run has to satisfy is checked by the bench. */
export function describeFaults(bench: () => FaultBench, cases: readonly FaultCase[]): void {
  it.each(cases)(
    '$name',
    { timeout: 90_000 },
    async ({ faults, ends, events, maybe = [], classes, classesOf = events[0], options = {} }) => {
      const run = await bench().run(faults, options)
      const { status, exit_code, remote } = run.report
      const found = run.beyond.filter((event) => events.includes(event) || !maybe.includes(event))
      expect({ ends: [status, exit_code, remote!.sandboxes], events: found }).toEqual({ ends, events })
      // A fault that did not happen proves nothing.
      for (const { fault, hits } of run.faults) expect(hits, `${fault.at} ${fault.kind}`).toBeGreaterThan(0)
      if (classes !== undefined) {
        const first = run.told.filter(({ event }) => event === classesOf).map((event) => event.class)
        expect([...new Set(first)]).toEqual(classes)
      }
      await bench().expectAllOrNothing(run)
    },
  )
}
