import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { plan, run, verify } from '../../src/index.js'
import { scratch } from '../sinks/support.js'

it('the library plans, runs and verifies a pipeline file', async () => {
  const root = scratch()
  for (const folder of ['from', 'to']) mkdirSync(join(root, folder))
  writeFileSync(join(root, 'from/a.csv'), 'id,name\n1,x\n2,y\n')
  writeFileSync(
    join(root, 'airlock.yaml'),
    'home: home\nconnections:\n  from: { driver: files, root: from, format: csv }\n  to: { driver: files, root: to, format: csv }\n',
  )
  const file = join(root, 'p.yaml')
  writeFileSync(
    file,
    'source: from\ntarget: to\ndefaults: { mode: replace }\nstreams: { a: { mask: { name: redact } } }\n',
  )
  const options = { cwd: root }
  expect((await plan(file, options)).map(({ stream }) => stream.name)).toEqual(['a'])
  expect(await run(file, { ...options, verify: 'checksum' })).toMatchObject({ status: 'ok', rows_written: 2 })
  expect(await verify(file, options)).toMatchObject([{ stream: 'a', status: 'equal', rows: { source: 2, target: 2 } }])
  appendFileSync(join(root, 'to/a.csv'), '3,***\n')
  expect(await verify(file, options)).toMatchObject([{ stream: 'a', status: 'different' }])
})
