import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const { noticesOf } = (await import(new URL('../../scripts/notices.mjs', import.meta.url).href)) as {
  noticesOf(root: string, bundle: { readonly inputs: object }): Promise<string>
}

// Seen red with the outermost package of a path.
it('gives the notices of the very packages that a bundle holds, also of one inside another', async () => {
  const root = await mkdtemp(join(tmpdir(), 'airlock-notices-'))
  try {
    for (const [folder, name] of [
      ['node_modules/outer', 'outer'],
      ['node_modules/outer/node_modules/@some/inner', '@some/inner'],
    ] as const) {
      await mkdir(join(root, folder), { recursive: true })
      await writeFile(join(root, folder, 'package.json'), JSON.stringify({ name, version: '1.0.0', license: 'MIT' }))
      await writeFile(join(root, folder, 'LICENSE'), `terms of ${name}`)
    }
    const inner = 'node_modules/outer/node_modules/@some/inner/lib/index.js'
    const only = await noticesOf(root, { inputs: { [inner]: {}, 'src/own.ts': {} } })
    expect(only).toContain('@some/inner 1.0.0 (MIT)\n\nterms of @some/inner')
    expect(only).not.toContain('outer 1.0.0')
    const both = await noticesOf(root, { inputs: { [inner]: {}, 'node_modules/outer/index.js': {} } })
    expect(both.match(/terms of/g)).toHaveLength(2)
  } finally {
    await rm(root, { recursive: true })
  }
})
