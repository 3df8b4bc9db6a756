import { describe, expect, it } from 'vitest'
import { KeyJudge } from '../../src/masking/keys.js'
import { buildMatcher } from '../../src/masking/matcher.js'
import { Pass } from '../../src/masking/pass.js'
import { allRules } from '../../src/masking/rules/all.js'
import { Scan } from '../../src/masking/scan.js'
import { HOSTILE, repeated } from './hostile-texts.js'

const SIZE = 65_536
/** Reads per character that a rule may need at worst; the look-behind of `@tcp(` needs most. */
const READS_PER_CHARACTER = 130
const STREAM_SIZE = 4096

const matcher = buildMatcher(allRules(new KeyJudge(), false), [])

/** How often the rules read a unit while something is done. Work is counted, not timed: a busy machine does not matter. */
function readsWhile(run: () => void): number {
  const original = Scan.prototype.at
  let reads = 0
  Scan.prototype.at = function (this: Scan, position: number) {
    reads++
    return original.call(this, position)
  }
  try {
    run()
  } finally {
    Scan.prototype.at = original
  }
  return reads
}

const readsFor = (text: string) => readsWhile(() => new Pass(matcher, () => undefined).end(text))

function readsInPieces(text: string, size: number): number {
  return readsWhile(() => {
    const pass = new Pass(matcher, () => undefined)
    for (let at = 0; at < text.length; at += size) pass.write(text.slice(at, at + size))
    pass.end()
  })
}

describe('hostile text', () => {
  it.each(HOSTILE)('costs work in proportion to its length: %j', (part) => {
    const text = repeated(part, SIZE)
    const whole = readsFor(text)
    expect(whole).toBeLessThan(READS_PER_CHARACTER * SIZE)
    expect(whole).toBeLessThan(2.3 * readsFor(text.slice(0, SIZE / 2)) + SIZE)
  })

  it.each(HOSTILE)('costs work in proportion to its length in small pieces, too: %j', (part) => {
    const text = repeated(part, STREAM_SIZE)
    const whole = readsInPieces(text, 16)
    expect(whole).toBeLessThan(2.3 * readsInPieces(text.slice(0, STREAM_SIZE / 2), 16) + 64 * STREAM_SIZE)
  })
})
