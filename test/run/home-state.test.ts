import { mkdirSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { HomeState } from '../../src/run/state-store.js'
import { describeWith } from '../setup/engines.js'
import { twoEnds } from './two-ends.js'

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'airlock-state-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

describe('state in home', () => {
  // Seen red with names used as they are.
  it('keeps apart what has different names, and leads nowhere else', async () => {
    const home = await folder()
    const store = new HomeState(home)
    const names = [
      'orders',
      'Orders',
      'ORDERS',
      '../orders',
      '..',
      '.',
      'a/b',
      'a_b',
      'sales.orders',
      'ö',
      'x'.repeat(300),
    ]
    for (const stream of names) await store.save({ pipeline: 'nightly', stream }, `of ${stream}`)
    for (const pipeline of ['..', '../..', 'Nightly'])
      await store.save({ pipeline, stream: 'orders' }, `of ${pipeline}`)
    for (const stream of names) expect(await store.read({ pipeline: 'nightly', stream })).toBe(`of ${stream}`)
    expect(await store.read({ pipeline: '..', stream: 'orders' })).toBe('of ..')
    expect((await store.list('nightly')).map(({ stream }) => stream).sort()).toEqual([...names].sort())
    expect((await store.list(undefined)).length).toBe(names.length + 3)
    expect(await readdir(home)).toEqual(['state'])
    const files = (await readdir(join(home, 'state'), { recursive: true })).map((name) => name.toLowerCase())
    expect(new Set(files).size).toBe(files.length)
    await store.reset({ pipeline: 'nightly', stream: '..' })
    expect(await store.read({ pipeline: 'nightly', stream: '..' })).toBeUndefined()
    expect((await store.list('nightly')).length).toBe(names.length - 1)
  })

  it('is for its owner only, and refuses a file that is damaged', async () => {
    const home = await folder()
    const store = new HomeState(home)
    const key = { pipeline: 'nightly', stream: 'orders' }
    await store.save(key, '{}')
    const path = join(home, 'state', 'nightly', 'orders.json')
    expect([(await stat(path)).mode & 0o777, (await stat(join(home, 'state'))).mode & 0o777]).toEqual([0o600, 0o700])
    await writeFile(path, '{"pipeline":')
    await expect(store.read(key)).rejects.toMatchObject({ code: 'STATE_MISMATCH' })
  })
})

describeWith(['postgres'], 'a target that keeps no state', ({ postgres }) => {
  const stream = { mode: 'append', cursor: 'id' }
  const opened = async () => {
    const ends = await twoEnds(postgres, postgres)
    onTestFinished(() => ends[Symbol.asyncDispose]())
    await mkdir(join(ends.folder, 'files'))
    const connection = { root: 'files', driver: 'files', host: undefined, port: undefined, database: undefined }
    await ends.configure({ target: { ...connection, user: undefined, password: undefined } })
    await ends.source.exec('CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (1), (2)')
    return ends
  }

  it('goes on where the last run stopped, by the state in home', async () => {
    const ends = await opened()
    const [plan] = await ends.plan({ orders: stream })
    expect(plan!.notes).toEqual([
      'reads from the beginning',
      'state is kept in home/state after the commit: a run that dies in between appends its rows again',
    ])
    expect((await ends.move(stream)).state).toEqual({ cursor: 'id', kept_in: 'home', before: null, after: '2' })
    await ends.source.exec('INSERT INTO orders VALUES (3)')
    expect((await ends.move(stream)).rows_read).toBe(1)
    expect((await ends.move(stream)).rows_read).toBe(0)
    expect(await readFile(join(ends.folder, 'files', 'orders.csv'), 'utf8')).toMatch(/^id\r?\n1\r?\n2\r?\n3\r?\n$/)
  })

  // Seen red with the error of the file left out.
  it('fails where the rows arrived and the state cannot be saved, and does not append them again', async () => {
    const ends = await opened()
    // A folder in the place of the file: it can be read as missing, and never be written.
    const report = await ends.run(
      { orders: stream },
      {
        onProgress: () => mkdirSync(join(ends.folder, 'kept', 'state', 'nightly', 'orders.json'), { recursive: true }),
      },
    )
    expect(report.streams[0]).toMatchObject({ status: 'failed', attempts: 1, error: { code: 'STATE_NOT_SAVED' } })
    expect(report.exit_code).toBe(5)
    expect(await readFile(join(ends.folder, 'files', 'orders.csv'), 'utf8')).toMatch(/^id\r?\n1\r?\n2\r?\n$/)
  })
})
