import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { builtinDrivers } from '../../src/drivers/builtin.js'
import { describeDriver, engineFixture } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'

const SUITES = fileURLToPath(new URL('../../src/testing/', import.meta.url))
const SOURCE = ['CN-1', 'CN-2', 'CN-3', 'CN-4', 'CN-5', 'CN-6', 'CN-7', 'CN-9', 'DU-1', 'DU-2', 'DU-3', 'DU-4', 'DU-6']
/** Tests of one engine's environment and of whole processes are beside this file. */
const APART = { 'CN-12': 'exit.test.ts', 'DU-7': 'environment.test.ts' }

describeWith(['mysql', 'postgres'], 'the conformance suites', (engines) => {
  it.each(['mysql', 'postgres'] as const)('hold every acceptance test of connections: %s', async (name) => {
    const engine = engines[name]
    const bodies = new Map<string, () => Promise<void>>()
    const api = {
      describe: (_: string, body: () => void) => body(),
      it: (title: string, body: () => Promise<void>) => void bodies.set(title, body),
    }
    describeDriver(builtinDrivers[name], engineFixture(engine), api)
    const expected = [...SOURCE, 'CN-8', ...(engine.caFile === undefined ? [] : ['DU-5'])]
    const found = new Set([...bodies.keys()].map((title) => /^(?:CN|DU)-\d+/.exec(title)?.[0]))
    expect(expected.filter((id) => !found.has(id))).toEqual([])
    // A body is a function like any other; no runner is needed to run it.
    await [...bodies].find(([title]) => title.startsWith('does one thing'))?.[1]()
  })

  it.each(Object.entries(APART))('leave %s to %s', async (id, file) => {
    expect(await readFile(new URL(file, import.meta.url), 'utf8')).toContain(`'${id}`)
  })

  it('depend on no test runner', async () => {
    const files = (await readdir(SUITES, { recursive: true })).filter((file) => file.endsWith('.ts'))
    expect(files.length).toBeGreaterThan(20)
    for (const file of files)
      expect(await readFile(`${SUITES}${file}`, 'utf8'), file).not.toMatch(/from '(vitest|node:test)/)
  })
})
