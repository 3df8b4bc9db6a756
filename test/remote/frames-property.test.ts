import fc from 'fast-check'
import { expect, it } from 'vitest'
import { FrameReader } from '../../src/remote/frame-reader.js'
import type { WorkerFrame } from '../../src/remote/protocol.js'

/** What happens to a line on its way. */
type Fate = 'arrives' | 'lost' | 'twice' | 'late' | 'torn'

const fates = fc.constantFrom<Fate>('arrives', 'arrives', 'arrives', 'lost', 'twice', 'late', 'torn')
const noise = fc.constantFrom('', '', 'noise\n', '{"v":9}\n', '\u0000\n', '{"v":1,"seq":0,"t":"none"}\n')

/** Frames with text of several bytes a character. */
const frameOf = (seq: number, text: string): WorkerFrame => ({
  v: 1,
  seq,
  t: 'event',
  name: 'stream.started',
  data: { text: text.slice(0, 200) },
})

/** The output with those fates: a late line comes behind the next one. */
function outputOf(lines: readonly string[], happens: readonly Fate[], between: readonly string[]): string {
  let output = ''
  let late = ''
  for (const [at, line] of lines.entries()) {
    const fate = happens[at % happens.length]!
    output += between[at % between.length]!
    if (fate === 'arrives') output += line
    if (fate === 'twice') output += line + line
    if (fate === 'torn') output += `${line.slice(0, line.length / 2)}\n`
    output += late
    late = fate === 'late' ? line : ''
  }
  return output + late
}

// Guards, each broken once: the repeat check (frames twice), the sort in #find, catchUp, the decoder's carry of split
// characters (in the caller), #carry.
it('handles every frame exactly once and in order, whatever became of the output', async () => {
  const property = fc.asyncProperty(
    fc.array(fc.string({ unit: 'grapheme', maxLength: 40 }), { minLength: 1, maxLength: 40 }),
    fc.array(fates, { minLength: 1, maxLength: 40 }),
    fc.array(noise, { minLength: 1, maxLength: 10 }),
    fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 20 }),
    fc.boolean(),
    fc.array(fc.nat(), { minLength: 40, maxLength: 40 }),
    async (texts, happens, between, sizes, slow, order) => {
      const frames = texts.map((text, seq) => frameOf(seq, text))
      const lines = frames.map((frame) => `${JSON.stringify(frame)}\n`)
      // Nobody has promised that the file is in order.
      const shuffled = lines.map((line, at) => ({ line, at: order[at]! })).sort((a, b) => a.at - b.at)
      const handled: WorkerFrame[] = []
      const reader = new FrameReader({
        onFrame: async (frame) => {
          if (slow) await Promise.resolve()
          handled.push(frame)
        },
        backfill: async () => shuffled.map(({ line }) => line).join(''),
        events: { emit: () => undefined },
      })
      const bytes = Buffer.from(outputOf(lines, happens, between))
      const decoder = new TextDecoder()
      for (let at = 0, n = 0; at < bytes.length; n++) {
        const size = sizes[n % sizes.length]!
        reader.push(decoder.decode(bytes.subarray(at, at + size), { stream: true }))
        at += size
      }
      await reader.end()
      await reader.catchUp()
      expect(handled).toEqual(frames)
      expect(reader.counts).toMatchObject({ handled: frames.length, lost: 0, failed: 0 })
    },
  )
  await fc.assert(property, { numRuns: 500 })
})
