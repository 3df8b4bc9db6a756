import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const ROOT = resolve(import.meta.dirname, '../../..')
const page = readFileSync(resolve(ROOT, 'docs/testing-e2b.md'), 'utf8')

it('the example of docs/testing-e2b.md runs, and fails where its code does not look', async () => {
  const [, example = ''] = /```js\n(.*?)```/s.exec(page) ?? []
  const source = pathToFileURL(resolve(ROOT, 'src/testing/e2b/server.ts')).href
  const run = (code: string): Promise<{ stdout: string }> => {
    const runnable = code
      .replace("'db-airlock/testing'", JSON.stringify(source))
      .replace("'e2b'", "'e2b/dist/index.mjs'") // what Node 20.18 can load
    const args = ['--import', 'tsx', '--input-type=module', '--eval', runnable]
    return promisify(execFile)(process.execPath, args, { cwd: ROOT, env: { PATH: process.env['PATH'] ?? '' } })
  }
  expect((await run(example)).stdout).toMatch(/pass 1/)
  const careless = example.replace('copy === original', 'true')
  await expect(run(careless)).rejects.toMatchObject({ code: 1, stdout: expect.stringContaining('fail 1') })
}, 60_000)

it('docs/testing-e2b.md names every point and every kind', () => {
  const types = readFileSync(resolve(ROOT, 'src/testing/e2b/faults.ts'), 'utf8')
  const unions = types.slice(types.indexOf('export type E2BPoint'), types.indexOf('/** The kinds that make sense'))
  const replies = readFileSync(resolve(ROOT, 'src/testing/e2b/reply-faults.ts'), 'utf8')
  const names = [...unions.matchAll(/'([\w-]+)'/gi), ...replies.matchAll(/^ {2}'?([a-z-]+)'?: \{ status/gm)]
  expect(names.length).toBeGreaterThan(55)
  expect(names.map(([, name]) => name).filter((name) => !page.includes(`\`${name}\``))).toEqual([])
})
