import { KeyJudge } from '../../src/masking/keys.js'
import { buildMatcher } from '../../src/masking/matcher.js'
import { allRules } from '../../src/masking/rules/all.js'
import { nanoseconds, secrets, show } from './measure.js'
import { encoding } from './registry-forms.js'

const rules = allRules(new KeyJudge(), false)

/** Cost of registering values and of building the automaton over them. Run with `node --expose-gc` for the memory. */
show('registered values', 'forms', 'derive ms', 'build ms', 'table MB', 'heap MB')
for (const count of [20, 100, 1000]) {
  const values = secrets(count)
  globalThis.gc?.()
  const before = process.memoryUsage()
  const forms = encoding(values)
  const matcher = buildMatcher(rules, forms)
  globalThis.gc?.()
  const after = process.memoryUsage()
  show(
    String(count),
    String(forms.length),
    nanoseconds(1e6, () => encoding(values)),
    nanoseconds(1e6, () => buildMatcher(rules, forms)),
    matcher.automaton.byteLength / 1e6,
    (after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers) / 1e6,
  )
}
