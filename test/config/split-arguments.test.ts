import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { splitArguments } from '../../src/config/split-arguments.js'

test.each([
  ['pass show db', ['pass', 'show', 'db']],
  ['  a\t b\n', ['a', 'b']],
  [`a 'b c' "d e" f\\ g`, ['a', 'b c', 'd e', 'f g']],
  [`a'b'"c"\\d`, ['abcd']],
  [`'' ""`, ['', '']],
  [`'\\n' "\\n" "\\"" "\\\\" "\\$x"`, ['\\n', '\\n', '"', '\\', '$x']],
  [`$HOME * ~ $(x)`, ['$HOME', '*', '~', '$(x)']],
  ['', []],
])('%j', (command, words) => {
  expect(splitArguments(command)).toEqual(words)
})

test.each([`'a`, `"a`, `a\\`, `"a\\"`])('%j is open', (command) => {
  expect(splitArguments(command)).toBeUndefined()
})

test('splits quoted text as a shell does', () => {
  const part = fc.string({ unit: fc.constantFrom('a', ' ', "'", '"', '\\'), maxLength: 12 })
  fc.assert(
    fc.property(part, (text) => {
      const words = splitArguments(text)
      // An open quote is an error in a shell; a backslash at the end is one here.
      if (words === undefined) return
      const printed = execFileSync('sh', ['-c', `printf '<%s>' ${text}`], { encoding: 'utf8' })
      expect(printed).toBe(words.length === 0 ? '<>' : words.map((word) => `<${word}>`).join(''))
    }),
    { numRuns: 150, seed: 9917 },
  )
})
