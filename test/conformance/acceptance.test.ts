import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** The acceptance tests of secrets in errors and in objects, of connections, and of names with several addresses. */
const NAMES = Object.entries({ SE: 10, SO: 7, CN: 15, DU: 7 }).flatMap(([kind, count]) =>
  Array.from({ length: count }, (_, index) => `${kind}-${index + 1}`),
)

/** Files that speak of the names without being the tests. */
const APART: ReadonlySet<string> = new Set(['test/conformance/acceptance.test.ts', 'test/conformance/suites.test.ts'])

/** Name → files with it in a title. */
async function titled(): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, string[]>()
  for (const folder of ['test', 'src/testing']) {
    const entries = await readdir(`${ROOT}${folder}`, { recursive: true })
    const files = entries.filter((file) => file.endsWith('.ts')).map((file) => `${folder}/${file}`)
    for (const file of files.filter((path) => !APART.has(path))) {
      for (const line of (await readFile(`${ROOT}${file}`, 'utf8')).split('\n')) {
        if (/^\s*(\/\/|\*|\/\*)/.test(line)) continue
        for (const [literal] of line.matchAll(/(['"`])(?:(?!\1).)*\1/g)) {
          for (const [name] of literal.matchAll(/\b(?:SE|SO|CN|DU)-\d+\b/g)) {
            found.set(name, [...new Set([...(found.get(name) ?? []), file])])
          }
        }
      }
    }
  }
  return found
}

it('every acceptance test of secrets and connections is there under its name, and is documented', async () => {
  const found = await titled()
  expect(NAMES.filter((name) => !found.has(name))).toEqual([])
  expect([...found.keys()].filter((name) => !NAMES.includes(name))).toEqual([])
  const page = await readFile(`${ROOT}docs/testing.md`, 'utf8')
  expect(NAMES.filter((name) => !page.includes(`| ${name} |`))).toEqual([])
})
