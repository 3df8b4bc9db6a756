import { expect, it } from 'vitest'
import { describeSdk, outcome } from './sdk.js'

const CONTENT = '0123456789'.repeat(2000)

describeSdk('faults of uploads', {}, (bench) => {
  it.each([
    ['no-space', /^NotEnoughSpaceError/],
    ['server-error', /^SandboxError: 500/],
    ['bad-gateway', /^TimeoutError/],
    ['reset', /^TypeError: fetch failed/],
  ] as const)('%s: nothing is written, once', async (kind, thrown) => {
    const { files } = await bench.create()
    const handle = bench.server.inject({ at: 'upload', kind, path: /a\.txt$/ })
    expect(await outcome(files.write('b.txt', CONTENT))).toBe('done')
    expect(await outcome(files.write('a.txt', CONTENT))).toMatch(thrown)
    expect([await files.exists('a.txt'), handle.hits]).toEqual([false, 1])
    expect(await outcome(files.write('a.txt', CONTENT))).toBe('done')
    const streamed = new Blob([CONTENT.repeat(100)]).stream()
    bench.server.inject({ at: 'upload', kind })
    expect(await outcome(files.write('c.txt', streamed))).toMatch(thrown)
    expect(await files.exists('c.txt')).toBe(false)
  })

  it('reply-lost: it is written', async () => {
    const { files } = await bench.create()
    bench.server.inject({ at: 'upload', kind: 'reply-lost' })
    expect(await outcome(files.write('a.txt', CONTENT))).toBe('TypeError: fetch failed')
    expect(await files.read('a.txt')).toBe(CONTENT)
  })

  it('short-write: the SDK is content', async () => {
    const { files } = await bench.create()
    bench.server.inject({ at: 'upload', kind: 'short-write', after: 7 })
    bench.server.inject({ at: 'upload', kind: 'short-write' })
    expect(await outcome(files.write('a.txt', CONTENT))).toBe('done')
    expect(await outcome(files.write('b.txt', new Blob([CONTENT]).stream()))).toBe('done')
    expect((await files.getInfo('a.txt')).size).toBe(7)
    expect((await files.getInfo('b.txt')).size).toBe(CONTENT.length / 2)
  })

  it('a part of the body is kept of what is refused, for whoever searches it', async () => {
    const { files } = await bench.create()
    bench.server.inject({ at: 'upload', kind: 'server-error' })
    await outcome(files.write('a.txt', new Blob(['canary']).stream()))
    expect(bench.server.requests.at(-1)!.body.toString()).toBe('canary')
  })
})

describeSdk('faults of downloads', {}, (bench) => {
  const read = (files: Awaited<ReturnType<typeof bench.create>>['files']) => (): Promise<string> => files.read('a.txt')

  it.each([
    ['not-found', /^FileNotFoundError/],
    ['server-error', /^SandboxError: 500/],
    ['bad-gateway', /^TimeoutError: .*likely due to sandbox timeout/s],
    ['reset', /^TypeError: fetch failed/],
    ['reset-in-body', /^TypeError: terminated/],
    ['fin-early', /^TypeError: terminated/],
  ] as const)('%s: once, and always', async (kind, thrown) => {
    const { files } = await bench.create()
    await files.write('a.txt', CONTENT)
    bench.server.inject({ at: 'download', kind, path: /^\/home\/user\/a\.txt$/ })
    expect(await outcome(read(files)())).toMatch(thrown)
    expect(await read(files)()).toBe(CONTENT)
    const always = bench.server.inject({ at: 'download', kind, times: 'always' })
    expect(await outcome(read(files)())).toMatch(thrown)
    expect(await outcome(read(files)())).toMatch(thrown)
    always.remove()
    expect(await read(files)()).toBe(CONTENT)
  })

  it.each([
    ['short', CONTENT.slice(0, 10_000)],
    ['garbage', '#'.repeat(20_000)],
    ['oversize', `${CONTENT}${'x'.repeat(16)}`],
    ['bit-flip', `${CONTENT.slice(0, 10_000)}1${CONTENT.slice(10_001)}`],
  ] as const)('%s: the SDK is content, compressed or not', async (kind, expected) => {
    const sandbox = await bench.create()
    await sandbox.files.write('a.txt', CONTENT)
    bench.server.inject({ at: 'download', kind, times: 2 })
    expect(await read(sandbox.files)()).toBe(expected)
    const reply = await fetch(await sandbox.downloadUrl('a.txt'), { headers: { 'accept-encoding': 'identity' } })
    expect(Number(reply.headers.get('content-length'))).toBe(expected.length)
    expect(await reply.text()).toBe(expected)
    expect(await read(sandbox.files)()).toBe(CONTENT)
  })

  it('stall-in-body: the client has to give up by itself', async () => {
    const { files } = await bench.create()
    await files.write('a.txt', CONTENT)
    bench.server.inject({ at: 'download', kind: 'stall-in-body', times: 'always' })
    const bytes = files.read('a.txt', { format: 'bytes', requestTimeoutMs: 200 })
    expect(await outcome(bytes)).toMatch(/^TimeoutError: The operation was aborted due to timeout/)
    const stream = await files.read('a.txt', { format: 'stream', streamIdleTimeoutMs: 200 })
    expect(await outcome(new Response(stream).arrayBuffer())).toMatch(/^TimeoutError: Stream idle/)
  })

  it('breaks off after exactly so many bytes, so that the rest can be asked for', async () => {
    const sandbox = await bench.create()
    await sandbox.files.write('a.txt', CONTENT)
    const url = await sandbox.downloadUrl('a.txt')
    for (const kind of ['reset-in-body', 'fin-early'] as const) {
      bench.server.inject({ at: 'download', kind, after: 1234 })
      const broken = await fetch(url, { headers: { 'accept-encoding': 'identity' } })
      expect(broken.headers.get('content-length')).toBe('20000')
      let got = ''
      const reading = (async () => {
        for await (const chunk of broken.body as AsyncIterable<Uint8Array>) got += Buffer.from(chunk).toString()
      })()
      expect(await outcome(reading)).toBe('TypeError: terminated')
      expect(got).toBe(CONTENT.slice(0, 1234))
      const rest = await fetch(url, { headers: { 'accept-encoding': 'identity', range: `bytes=${got.length}-` } })
      expect(got + (await rest.text())).toBe(CONTENT)
    }
  })

  it('a sandbox that is killed under a download', async () => {
    const sandbox = await bench.create()
    await sandbox.files.write('a.txt', CONTENT)
    bench.server.inject({ at: 'download', kind: 'stall-in-body' })
    const stream = await sandbox.files.read('a.txt', { format: 'stream' })
    const reading = outcome(new Response(stream).arrayBuffer())
    await sandbox.kill()
    expect(await reading).toMatch(/^TypeError: terminated/)
  })
})

describeSdk('faults of listings', {}, (bench) => {
  it('leave entries out, or add ones that lead away', async () => {
    const { files } = await bench.create()
    await files.write(['a', 'b', 'c'].map((name) => ({ path: `out/${name}`, data: name })))
    const names = async (): Promise<string[]> => (await files.list('out')).map(({ name }) => name)
    bench.server.inject({ at: 'listDir', kind: 'omit', path: /\/out$/ })
    expect(await names()).toEqual(['a', 'b'])
    bench.server.inject({ at: 'listDir', kind: 'omit', entry: /^a$/ })
    expect(await names()).toEqual(['b', 'c'])
    bench.server.inject({ at: 'listDir', kind: 'add-traversal' })
    expect(await names()).toEqual(['a', 'b', 'c', '../x'])
    bench.server.inject({ at: 'listDir', kind: 'add-symlink' })
    const added = (await files.list('out')).at(-1)
    expect(added).toMatchObject({ name: 'link', type: 'symlink', symlinkTarget: '/etc/passwd' })
    expect(await names()).toEqual(['a', 'b', 'c'])
  })

  it('fail as calls do', async () => {
    const { files } = await bench.create()
    await files.write('a', 'a')
    const calls = [
      ['listDir', () => files.list('.')],
      ['stat', () => files.getInfo('a')],
      ['makeDir', () => files.makeDir('d')],
      ['move', () => files.rename('a', 'b')],
      ['remove', () => files.remove('b')],
    ] as const
    for (const [at, call] of calls) {
      bench.server.inject({ at, kind: 'not-found' })
      expect(`${at} ${await outcome(call())}`).toMatch(new RegExp(`^${at} FileNotFoundError: \\[not_found\\] injected`))
      bench.server.inject({ at, kind: 'server-error' })
      expect(`${at} ${await outcome(call())}`).toMatch(new RegExp(`^${at} SandboxError: 13: \\[internal\\] injected`))
      bench.server.inject({ at, kind: 'reset' })
      expect(`${at} ${await outcome(call())}`).toMatch(new RegExp(`^${at} .*fetch failed`))
      expect(`${at} ${await outcome(call())}`).toBe(`${at} done`)
    }
  })
})
