import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { describeWith } from '../setup/engines.js'
import { project } from './project.js'

/** The HTTP client of Node, which it loads the first time that one of its names is used. */
const DEAR = ['internal/deps/undici/undici', 'internal/http2/core', '_http_client']

describeWith(['mysql', 'postgres'], 'the start of a command', (engines) => {
  // Seen red without a name for the runtime on Node 20, where the library of Postgres then makes a Response.
  it('loads no HTTP client for a copy between databases', { timeout: 60_000 }, async () => {
    await using p = await project(engines)
    const told = join(p.folder, 'loaded.json')
    const hook = await p.write(
      'hook.cjs',
      `process.on('exit', () => require('fs').writeFileSync(${JSON.stringify(told)}, JSON.stringify(process.moduleLoadList)))`,
    )
    const ended = await p.run(['copy', '--source', 'shop', '--source-table', 'orders', '--target', 'warehouse'], {
      env: { NODE_OPTIONS: `--require=${hook}` },
    })
    expect(ended).toMatchObject({ code: 0 })
    const loaded = JSON.parse(await readFile(told, 'utf8')) as string[]
    expect(loaded).toContain('NativeModule tls')
    expect(loaded.filter((name) => DEAR.some((dear) => name.endsWith(` ${dear}`)))).toEqual([])
  })
})
