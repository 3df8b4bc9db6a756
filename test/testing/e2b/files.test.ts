import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { startE2BServer } from '../../../src/testing/e2b/server.js'
import { describeSdk, outcome } from './sdk.js'

const bytesOf = async (stream: ReadableStream<Uint8Array>): Promise<Buffer> =>
  Buffer.from(await new Response(stream).arrayBuffer())

describeSdk('files', {}, (bench) => {
  const directory = (): string => bench.server.sandboxes()[0]!.directory

  it('writes one and many, and reads them in every format', async () => {
    const { files } = await bench.create()
    const binary = randomBytes(100_000)
    expect(await files.write('a.txt', 'grün\n')).toMatchObject({
      path: '/home/user/a.txt',
      name: 'a.txt',
      type: 'file',
    })
    const written = await files.write([
      { path: 'deep/er/b.bin', data: new Blob([binary]) },
      { path: '/tmp/c "quoted" name.txt', data: 'c' },
      { path: '~/empty', data: '' },
    ])
    expect(written.map(({ path }) => path)).toEqual([
      '/home/user/deep/er/b.bin',
      '/tmp/c "quoted" name.txt',
      '/home/user/empty',
    ])
    expect(await files.read('a.txt')).toBe('grün\n')
    expect(Buffer.from(await files.read('deep/er/b.bin', { format: 'bytes' }))).toEqual(binary)
    expect(await bytesOf(await files.read('deep/er/b.bin', { format: 'stream' }))).toEqual(binary)
    expect(await (await files.read('/home/user/a.txt', { format: 'blob' })).text()).toBe('grün\n')
    expect(await files.read('/tmp/c "quoted" name.txt')).toBe('c')
    expect(await files.read('empty')).toBe('')
    expect(readFileSync(join(directory(), 'home/user/deep/er/b.bin'))).toEqual(binary)
    expect(await outcome(files.read('none'))).toMatch(/^FileNotFoundError: path '\/home\/user\/none' does not exist/)
    expect(await outcome(files.read('deep'))).toMatch(/^InvalidArgumentError: .*is a directory/)
    expect(await outcome(files.write('deep', 'x'))).toMatch(/^InvalidArgumentError: .*is a directory/)
    const twice = ['same', './same'].map((path) => ({ path, data: 'x' }))
    expect(await outcome(files.write(twice))).toMatch(/^InvalidArgumentError: .*multiple files to the same path/)
    expect(await files.exists('same')).toBe(false)
  })

  it('takes streams and gzip', async () => {
    const { files } = await bench.create()
    const content = Buffer.concat([randomBytes(300_000), Buffer.alloc(300_000)])
    await files.write('streamed', new Blob([content]).stream())
    await files.write('gzipped', new Blob([content]), { gzip: true })
    const sum = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex')
    for (const name of ['streamed', 'gzipped']) {
      expect(sum(await files.read(name, { format: 'bytes' }))).toBe(sum(content))
      expect(sum(await files.read(name, { format: 'bytes', gzip: true }))).toBe(sum(content))
    }
    const uploads = bench.server.requests.filter(({ at }) => at === 'upload')
    expect(uploads.map(({ headers }) => headers['content-type'])).toEqual(Array(2).fill('application/octet-stream'))
    // What is recorded is what was meant, so that a search for secrets is not fooled by compression.
    expect(uploads.map(({ bodyLength }) => bodyLength)).toEqual([600_000, 600_000])
  })

  it('serves signed links: whole, in ranges, and to nobody else', async () => {
    const sandbox = await bench.create()
    await sandbox.files.write('digits', '0123456789')
    const url = await sandbox.downloadUrl('digits', { useSignatureExpiration: 60 })
    const get = (range?: string): Promise<Response> =>
      fetch(url, { headers: { 'accept-encoding': 'identity', ...(range === undefined ? {} : { range }) } })
    const whole = await get()
    expect([whole.status, whole.headers.get('content-length'), await whole.text()]).toEqual([200, '10', '0123456789'])
    const parts = await Promise.all(['bytes=2-4', 'bytes=7-', 'bytes=-3', 'bytes=8-99'].map(get))
    expect(await Promise.all(parts.map((part) => part.text()))).toEqual(['234', '789', '789', '89'])
    expect(parts.map(({ status }) => status)).toEqual([206, 206, 206, 206])
    expect(parts[0]!.headers.get('content-range')).toBe('bytes 2-4/10')
    expect((await get('bytes=10-')).status).toBe(416)
    const both = await fetch(url, { headers: { 'accept-encoding': 'gzip', range: 'bytes=2-4' } })
    expect([both.headers.get('content-encoding'), await both.text()]).toEqual([null, '234'])
    const forged = new URL(url)
    forged.searchParams.set('path', '.profile')
    expect((await fetch(forged)).status).toBe(401)
    const named = { 'e2b-sandbox-id': sandbox.sandboxId }
    expect([(await fetch(forged, { headers: named })).status, (await fetch(url, { headers: named })).status]).toEqual([
      401, 200,
    ])
    const late = await sandbox.downloadUrl('digits', { useSignatureExpiration: -10 })
    expect((await fetch(late)).status).toBe(401)
    const form = new FormData()
    form.append('file', new Blob(['put']), 'ignored')
    expect((await fetch(await sandbox.uploadUrl('put.txt'), { method: 'POST', body: form })).status).toBe(200)
    expect(await sandbox.files.read('put.txt')).toBe('put')
    await sandbox.kill()
    expect((await get()).status).toBe(502)
  })

  it('lists, tells, makes, moves and removes', async () => {
    const { files } = await bench.create()
    await files.write([
      { path: 'out/b.txt', data: 'bb' },
      { path: 'out/a/deep.txt', data: 'd' },
    ])
    symlinkSync('b.txt', join(directory(), 'home/user/out/link'))
    const names = (await files.list('out')).map(
      ({ name, type, size }) => `${name} ${type} ${type === 'file' ? size : ''}`,
    )
    expect(names).toEqual(['a dir ', 'b.txt file 2', 'link file 5'])
    expect((await files.list('out', { depth: 2 })).map(({ path }) => path)).toEqual([
      '/home/user/out/a',
      '/home/user/out/a/deep.txt',
      '/home/user/out/b.txt',
      '/home/user/out/link',
    ])
    expect(await files.getInfo('out/link')).toMatchObject({ symlinkTarget: '/home/user/out/b.txt' })
    expect(await files.getInfo('out/b.txt')).toMatchObject({
      size: 2,
      owner: 'user',
      permissions: expect.stringMatching(/^-rw/),
    })
    expect([await files.makeDir('new/dir'), await files.makeDir('new/dir')]).toEqual([true, false])
    expect(await files.rename('out/b.txt', 'new/c.txt')).toMatchObject({ path: '/home/user/new/c.txt', size: 2 })
    expect([await files.exists('out/b.txt'), await files.exists('new/c.txt')]).toEqual([false, true])
    await files.remove('new')
    expect(await files.exists('new')).toBe(false)
    expect(await outcome(files.list('none'))).toMatch(/^FileNotFoundError/)
    expect(await outcome(files.list('out/a/deep.txt'))).toMatch(/^InvalidArgumentError/)
    expect(await outcome(files.rename('none', 'x'))).toMatch(/^FileNotFoundError/)
  })

  it('keeps every path below the directory of the sandbox', async () => {
    const { files } = await bench.create()
    await files.write('../../../../etc/passwd', 'mine')
    await files.write('/app/state.json', '{}')
    expect(readFileSync(join(directory(), 'etc/passwd'), 'utf8')).toBe('mine')
    expect(readFileSync(join(directory(), 'app/state.json'), 'utf8')).toBe('{}')
    expect(await outcome(files.read('/etc/hostname'))).toMatch(/^FileNotFoundError/)
  })

  it('answers nobody without the token', async () => {
    const sandbox = await bench.create()
    const id = { 'e2b-sandbox-id': sandbox.sandboxId }
    const call = async (path: string, headers: Record<string, string>): Promise<number> => {
      const body = path === '/files?path=.profile' ? null : '{"path":"."}'
      const method = body === null ? 'GET' : 'POST'
      return (await fetch(`${bench.server.sandboxUrl}${path}`, { method, headers, body })).status
    }
    expect(await call('/filesystem.Filesystem/Stat', id)).toBe(401)
    expect(await call('/filesystem.Filesystem/Stat', { ...id, 'x-access-token': 'wrong' })).toBe(401)
    expect(await call('/files?path=.profile', id)).toBe(401)
    expect(await call('/files?path=.profile', {})).toBe(401)
    expect(await call('/filesystem.Filesystem/Stat', { 'e2b-sandbox-id': 'inobody' })).toBe(502)
  })

  it('says of a sandbox that is gone what the SDK knows', async () => {
    const sandbox = await bench.create()
    await sandbox.kill()
    expect(await outcome(sandbox.files.read('a'))).toMatch(/^TimeoutError/)
    expect(await outcome(sandbox.files.list('.'))).toMatch(/^TimeoutError/)
    expect(await outcome(sandbox.commands.run('true'))).toMatch(/^SandboxNotFoundError/)
  })
})

it('needs no token where the older generation asks for none', async () => {
  await using server = await startE2BServer()
  const reply = await fetch(`${server.apiUrl}/sandboxes`, {
    method: 'POST',
    headers: { 'x-api-key': server.apiKey },
    body: JSON.stringify({ templateID: 'base', secure: false }),
  })
  const { sandboxID, envdAccessToken } = (await reply.json()) as Record<string, string>
  expect(envdAccessToken).toBeUndefined()
  const file = await fetch(`${server.sandboxUrl}/files?path=.profile`, { headers: { 'e2b-sandbox-id': sandboxID! } })
  expect(file.status).toBe(200)
})
