import { createMasker } from '../../src/masking/index.js'
import { HOSTILE, repeated } from '../../test/masking/hostile-texts.js'
import { nanoseconds, show } from './measure.js'

const masker = createMasker({ secrets: ['registered-secret-1', 'aaaaaaaaaaaaaaaaaaaaaaab'] })
const milliseconds = (text: string) => nanoseconds(1e6, () => masker.text(text))

/** The goal is 20 ms for any 64 KiB and 300 ms for 1 MiB. */
show('hostile text, ms', '64 KiB', '1 MiB', 'growth / 16')
const rows = HOSTILE.map((part) => {
  const short = milliseconds(repeated(part, 65_536))
  const long = milliseconds(repeated(part, 1_048_576))
  return { part, short, long }
})
for (const { part, short, long } of rows.sort((a, b) => b.short - a.short).slice(0, 12)) {
  show(JSON.stringify(part), short, long, long / short / 16)
}
