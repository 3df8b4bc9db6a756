import type { Batch } from '../../src/core/batch.js'

/** A source that stops before batch `after` until it is told to go on; `reached` resolves when it got there. */
export function gated(source: AsyncIterable<Batch>, after: number) {
  let open: () => void = () => undefined
  let reach: () => void = () => undefined
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const reached = new Promise<void>((resolve) => {
    reach = resolve
  })
  async function* batches() {
    let count = 0
    for await (const batch of source) {
      if (count++ === after) {
        reach()
        await gate
      }
      yield batch
    }
  }
  return { batches: batches(), reached, open }
}
