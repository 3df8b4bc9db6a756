import { mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createMasker } from '../../src/masking/index.js'
import { nodePartFiles } from '../../src/remote/part-file.js'
import type { WorkerManifest } from '../../src/remote/protocol.js'
import { type E2BFault, type E2BServer, startE2BServer } from '../../src/testing/index.js'
import { bytesOf } from './e2b.js'
import { contentsOf, FILES, leave, newFolder, setUp, sha256 } from './worker-output.js'

let server: E2BServer
beforeAll(async () => {
  server = await startE2BServer()
})
afterAll(() => server.close())

const inject = (fault: E2BFault) => {
  const handle = server.inject(fault)
  onTestFinished(() => handle.remove())
  return handle
}
const FILE = /data\/a\.csv$/
const MANIFEST = /manifest\.json$/

describe('a healthy worker', () => {
  it('leaves files that are here afterwards, byte by byte, and nothing else', async () => {
    const { collect, folder, events, left } = await setUp(server)
    const result = await collect()
    expect(events.lines).toEqual([])
    expect(result).toEqual({
      manifest: left.manifest,
      report: { streams: [1] },
      files: left.manifest.files,
      missing: [],
      skipped: [],
      quarantined: [],
    })
    const here = await contentsOf(folder)
    expect(Object.keys(here).sort()).toEqual(Object.keys(FILES).sort())
    for (const [path, content] of Object.entries(FILES)) expect(here[path]).toEqual(Buffer.from(content))
    expect((await stat(join(folder, 'data/a.csv'))).mode & 0o777).toBe(0o600)
    expect(events.events.map(({ event, fields }) => `${event} ${fields.bytes}`)).toContain(
      `artifact.collected ${Buffer.byteLength(FILES['data/a.csv']!)}`,
    )
  })

  it('is believed without its last frame when the manifest arrives twice in one form', async () => {
    const { collect, events } = await setUp(server)
    const before = server.requests.filter(({ at, path }) => at === 'download' && path.includes('manifest')).length
    const { files, missing } = await collect({ manifestDigest: undefined })
    expect([files.length, missing, events.lines]).toEqual([4, [], []])
    const after = server.requests.filter(({ at, path }) => at === 'download' && path.includes('manifest')).length
    expect(after - before).toBe(2)
  })

  it('of which a manifest names nothing gives nothing', async () => {
    const { collect, events, folder } = await setUp(server, {})
    expect(await collect()).toMatchObject({ files: [], missing: [], report: undefined })
    expect([events.lines, await readdir(folder)]).toEqual([[], []])
  })
})

describe('the manifest', () => {
  it.each([
    ['not-found', 'not_found'],
    ['server-error', 'server_error'],
    ['reset-in-body', 'connection_lost'],
    ['bit-flip', 'digest_mismatch'],
    ['short', 'digest_mismatch'],
    ['garbage', 'digest_mismatch'],
  ] as const)('is fetched again after %s', async (kind, faultClass) => {
    inject({ at: 'download', kind, path: MANIFEST })
    const { collect, events } = await setUp(server)
    expect((await collect()).files).toHaveLength(4)
    expect(events.lines).toEqual([`artifact.download_failed ${faultClass} true`])
  })

  it.each([
    ['not-found', 'artifact.manifest_unavailable', 'not_found'],
    ['server-error', 'artifact.manifest_unavailable', 'server_error'],
    ['bit-flip', 'artifact.manifest_rejected', 'digest_mismatch'],
  ] as const)('that never arrives (%s): nothing is kept but in quarantine', async (kind, event, faultClass) => {
    inject({ at: 'download', kind, path: MANIFEST, times: 'always' })
    const { collect, events, folder } = await setUp(server)
    const { manifest, files, missing, quarantined, report } = await collect()
    expect([manifest, report, files]).toEqual([undefined, undefined, []])
    expect(missing).toHaveLength(4)
    expect(missing).toContainEqual({ path: 'data/a.csv', reason: 'no_manifest' })
    expect([...quarantined].sort()).toEqual(Object.keys(FILES).sort())
    const failed = `artifact.download_failed ${faultClass}`
    expect(events.lines).toEqual([`${failed} true`, `${failed} true`, `${failed} false`, `${event} ${faultClass}`])
    expect(Object.keys(await contentsOf(folder)).sort()).toEqual(
      Object.keys(FILES)
        .map((path) => `quarantine/${path}`)
        .sort(),
    )
  })

  it('that changes between two readings is refused where the worker did not say its digest', async () => {
    const { collect, events, port } = await setUp(server)
    let reads = 0
    const fickle: Pick<typeof port, 'download' | 'listFiles'> = {
      listFiles: (...given) => port.listFiles(...given),
      async download(id, path, from, signal) {
        const bytes = await bytesOf(await port.download(id, path, from, signal))
        // One digit of a size or digest: valid, and another manifest.
        const text = bytes.toString().replace(/\d(?=[^\d]*$)/, String(reads++ % 10))
        return (async function* () {
          yield Buffer.from(path.endsWith('manifest.json') ? text : bytes)
        })()
      },
    }
    expect((await collect({ port: fickle, manifestDigest: undefined })).manifest).toBeUndefined()
    const line = 'artifact.download_failed digest_mismatch'
    expect(events.lines.slice(0, 4)).toEqual([
      ...[`${line} true`, `${line} true`, `${line} false`],
      'artifact.manifest_rejected digest_mismatch',
    ])
  })

  it('without end is not read to its end', async () => {
    const { collect, events, port } = await setUp(server)
    let sent = 0
    const endless: Pick<typeof port, 'download' | 'listFiles'> = {
      listFiles: async () => [],
      download: async () =>
        (async function* () {
          for (;;) {
            sent += 1_000_000
            yield Buffer.alloc(1_000_000)
          }
        })(),
    }
    expect((await collect({ port: endless })).manifest).toBeUndefined()
    expect(sent).toBeLessThan(20_000_000)
    expect(events.lines).toEqual(['artifact.download_failed refused false', 'artifact.manifest_unavailable refused'])
  })

  it.each([
    ['of another run', (manifest: WorkerManifest) => ({ ...manifest, run: 'r2' }), 'other_run'],
    ['of another job', (manifest: WorkerManifest) => ({ ...manifest, job: 'j2' }), 'other_job'],
    ['of another attempt', (manifest: WorkerManifest) => ({ ...manifest, attempt: 2 }), 'other_attempt'],
    ['of another version', (manifest: WorkerManifest) => ({ ...manifest, v: 2 }), 'schema'],
    ['with more in it', (manifest: WorkerManifest) => ({ ...manifest, extra: 1 }), 'schema'],
    ['with a negative size', (manifest: WorkerManifest) => sized(manifest, -1), 'schema'],
    ['with one file twice', (manifest: WorkerManifest) => twice(manifest), 'repeated_path'],
  ])('%s is refused', async (_, change, faultClass) => {
    const { collect, events } = await setUp(server, { 'data/x': 'x' }, change)
    const { manifest, files, missing } = await collect()
    expect([manifest, files]).toEqual([undefined, []])
    expect(missing).toEqual([{ path: 'data/x', reason: 'no_manifest' }])
    expect(events.lines.at(-1)).toBe(`artifact.manifest_rejected ${faultClass}`)
  })
})

describe('a file', () => {
  it.each([
    ['not-found', 'not_found'],
    ['server-error', 'server_error'],
    ['bad-gateway', 'server_error'],
    ['rate-limited', 'rate_limited'],
    ['reset', 'connection_lost'],
    ['reset-in-body', 'connection_lost'],
    ['fin-early', 'connection_lost'],
    ['stall-in-body', 'deadline'],
    ['short', 'size_mismatch'],
    ['oversize', 'oversize'],
    ['bit-flip', 'digest_mismatch'],
    ['garbage', 'digest_mismatch'],
  ] as const)('is fetched again after %s, with its event', async (kind, faultClass) => {
    const fault = inject({ at: 'download', kind, path: FILE })
    const limits = kind === 'stall-in-body' ? { idleMs: 1500 } : {}
    const { collect, events, folder } = await setUp(server, FILES, undefined, createMasker(), limits)
    const { files, missing } = await collect()
    expect([files.length, missing]).toEqual([4, []])
    expect(events.lines).toEqual([`artifact.download_failed ${faultClass} true`])
    expect(fault.hits).toBe(1)
    expect((await contentsOf(folder))['data/a.csv']).toEqual(FILES['data/a.csv'])
  })

  it.each([
    ['not-found', 'not_found'],
    ['server-error', 'server_error'],
    ['reset', 'connection_lost'],
    ['short', 'size_mismatch'],
    ['oversize', 'oversize'],
    ['bit-flip', 'digest_mismatch'],
  ] as const)('is lost after the third %s; the others are here', async (kind, faultClass) => {
    inject({ at: 'download', kind, path: FILE, times: 'always' })
    const { collect, events, folder, waits } = await setUp(server)
    const { files, missing } = await collect()
    expect(files.map(({ path }) => path)).toEqual(['report.json', 'data/deep/b.bin', 'data/empty'])
    expect(missing).toEqual([{ path: 'data/a.csv', reason: 'lost' }])
    const failed = `artifact.download_failed ${faultClass}`
    expect(events.lines).toEqual([`${failed} true`, `${failed} true`, `${failed} false`, 'artifact.lost'])
    expect(waits).toEqual([250, 500])
    expect(Object.keys(await contentsOf(folder)).sort()).toEqual(['data/deep/b.bin', 'data/empty', 'report.json'])
  })

  it('goes on where it was after a connection that broke, and begins again after wrong bytes', async () => {
    const ranges = async (kind: 'reset-in-body' | 'bit-flip') => {
      inject({ at: 'download', kind, path: FILE, after: 200_000 })
      const { collect, id } = await setUp(server)
      expect((await collect()).missing).toEqual([])
      return server.requests
        .filter(({ at, path, sandbox }) => at === 'download' && sandbox === id && path.includes('a.csv'))
        .map(({ headers }) => headers['range'])
    }
    const [none, resumed, ...more] = await ranges('reset-in-body')
    expect([none, more]).toEqual([undefined, []])
    expect(Number(/^bytes=(\d+)-$/.exec(String(resumed))![1])).toBeGreaterThan(0)
    expect(await ranges('bit-flip')).toEqual([undefined, undefined])
  })

  it('never takes more than one byte beyond its size', async () => {
    inject({ at: 'download', kind: 'oversize', path: FILE, times: 'always', bytes: 3_000_000 })
    let written = 0
    const counting: typeof nodePartFiles = {
      ...nodePartFiles,
      async open(path) {
        const handle = await nodePartFiles.open(path)
        const write = handle.write.bind(handle) as (...given: unknown[]) => Promise<{ bytesWritten: number }>
        handle.write = (async (...given: unknown[]) => {
          const result = await write(...given)
          written += result.bytesWritten
          return result
        }) as never
        return handle
      },
    }
    const { collect } = await setUp(server, { 'data/a.csv': 'x'.repeat(1000) })
    expect((await collect({ files: counting })).missing).toHaveLength(1)
    expect(written).toBe(3 * 1001)
  })

  it('is not read on once it has one byte too many', async () => {
    const { collect, port } = await setUp(server, { 'data/a.csv': 'x'.repeat(1000) })
    let given = 0
    const generous: Pick<typeof port, 'download' | 'listFiles'> = {
      listFiles: (...asked) => port.listFiles(...asked),
      async download(id, path, from, signal) {
        if (!FILE.test(path)) return await port.download(id, path, from, signal)
        return (async function* () {
          for (let n = 0; n < 50; n++) {
            given++
            yield Buffer.alloc(600, 'x')
          }
        })()
      },
    }
    expect((await collect({ port: generous })).missing).toHaveLength(1)
    expect(given).toBe(3 * 2)
  })

  it('is put together from three pieces', async () => {
    inject({ at: 'download', kind: 'reset-in-body', path: FILE, after: 100_000, times: 2 })
    const { collect, events } = await setUp(server)
    expect((await collect()).missing).toEqual([])
    expect(events.lines).toHaveLength(2)
  })

  it('is not asked for again once the sandbox is gone', async () => {
    const { collect, events, id } = await setUp(server, { 'data/a.csv': 'x', 'data/b': 'y' })
    inject({ at: 'download', kind: 'bad-gateway', path: FILE, times: 'always' })
    // The proxy says 502, and so does the sandbox when asked.
    inject({ at: 'health', kind: 'bad-gateway', sandbox: id, times: 'always' })
    const { files, missing } = await collect()
    expect([files.map(({ path }) => path), missing]).toEqual([['data/b'], [{ path: 'data/a.csv', reason: 'lost' }]])
    expect(events.lines).toEqual(['artifact.download_failed gone false', 'artifact.lost'])
  })

  it('with the longest name and a name in another script is here as well', async () => {
    const contents = { [`data/${'n'.repeat(170)}`]: 'x', 'data/übersicht 2.csv': 'y' }
    const { collect, folder } = await setUp(server, contents)
    expect((await collect()).missing).toEqual([])
    expect(Object.keys(await contentsOf(folder)).sort()).toEqual(Object.keys(contents).sort())
  })
})

describe('a name', () => {
  const named = (path: string) => (manifest: WorkerManifest) => ({
    ...manifest,
    files: [...manifest.files, { path, size: 1, sha256: sha256('x'), kind: 'data' }],
  })

  it.each([
    ['/etc/cron.d/x', 'absolute'],
    ['../x', 'parent'],
    ['data/../../x', 'parent'],
    ['data/x\u0000', 'odd_characters'],
    ['data/x\ny', 'odd_characters'],
    ['data\\x', 'odd_characters'],
    ['data/\u202ex', 'odd_characters'],
    ['data/NUL.csv', 'reserved'],
    ['data/x.part', 'reserved'],
    ['quarantine/x', 'reserved'],
    ['.ssh/authorized_keys', 'hidden'],
    ['DATA/OK', 'case_clash'],
    ['data/ok/x', 'file_and_folder'],
    ['data', 'file_and_folder'],
    [`data/${'x'.repeat(300)}`, 'too_long'],
  ])('%j is refused; the rest is here', async (path, problem) => {
    const { collect, events, folder } = await setUp(server, { 'data/ok': 'x' }, named(path))
    const { files, missing } = await collect()
    expect(files.map((file) => file.path)).toEqual(['data/ok'])
    expect(missing).toEqual([{ path: expect.any(String), reason: 'path_rejected' }])
    expect(missing[0]!.path).not.toMatch(/[\n\u0000\u202e]/)
    expect(events.lines.filter((line) => !line.startsWith('artifact.not_listed'))).toEqual([
      `artifact.path_rejected ${problem}`,
    ])
    expect(Object.keys(await contentsOf(folder))).toEqual(['data/ok'])
  })

  it('that belongs to a link is refused, whatever the manifest says of it', async () => {
    const { collect, events, id } = await setUp(server, { 'data/ok': 'x' }, named('data/link'))
    const { directory } = server.sandboxes().find((one) => one.id === id)!
    await symlink('ok', join(directory, 'home/user/airlock/out/data/link'))
    const { files, missing } = await collect()
    expect([files.length, missing]).toEqual([1, [{ path: 'data/link', reason: 'path_rejected' }]])
    expect(events.lines).toEqual(['artifact.path_rejected no_file'])
  })
})

describe('the listing', () => {
  it('that leaves a file out is told, and the file is here all the same', async () => {
    inject({ at: 'listDir', kind: 'omit', entry: /^a\.csv$/ })
    const { collect, events } = await setUp(server)
    const { files, missing } = await collect()
    expect([files.length, missing, events.lines]).toEqual([4, [], ['artifact.not_listed']])
  })

  it('of more than the manifest names is told, and the rest stays behind', async () => {
    const { collect, events, id, folder } = await setUp(server)
    await leaveMore(id, 'data/more.csv')
    expect((await collect()).missing).toEqual([])
    expect(events.lines).toEqual(['artifact.unmanifested'])
    expect(Object.keys(await contentsOf(folder))).not.toContain('data/more.csv')
  })

  it('without end is counted', async () => {
    const { collect, events, id } = await setUp(server)
    for (let n = 0; n < 60; n++) await leaveMore(id, `data/more${n}`)
    await collect()
    expect(events.lines).toHaveLength(51)
    expect(events.events.filter(({ fields }) => fields.count !== undefined).map(({ fields }) => fields.count)).toEqual([
      10,
    ])
  })

  it.each(['add-traversal', 'add-symlink'] as const)('with names that are none (%s) does no harm', async (kind) => {
    inject({ at: 'listDir', kind })
    const { collect, events } = await setUp(server)
    expect((await collect()).missing).toEqual([])
    expect(events.lines).toEqual([kind === 'add-traversal' ? 'artifact.path_rejected parent' : 'artifact.unmanifested'])
  })

  it('that fails once is asked for again; one that always fails costs nothing but its check', async () => {
    const fault = inject({ at: 'listDir', kind: 'server-error' })
    const first = await setUp(server)
    expect((await first.collect()).missing).toEqual([])
    expect(first.events.lines).toEqual(['artifact.list_failed server_error true'])
    fault.remove()
    inject({ at: 'listDir', kind: 'server-error', times: 'always' })
    const second = await setUp(server)
    expect((await second.collect()).files).toHaveLength(4)
    const failed = 'artifact.list_failed server_error'
    expect(second.events.lines).toEqual([`${failed} true`, `${failed} true`, `${failed} false`])
  })

  async function leaveMore(id: string, path: string) {
    const { directory } = server.sandboxes().find((one) => one.id === id)!
    await writeFile(join(directory, 'home/user/airlock/out', path), 'x')
  }
})

describe('this machine', () => {
  const failing = (step: 'open' | 'write' | 'sync' | 'rename', code: string) => {
    const fail = async () => {
      throw Object.assign(new Error('disk'), { code })
    }
    return {
      async open(path: string) {
        if (step === 'open') return await fail()
        const handle = await nodePartFiles.open(path)
        if (step === 'write') handle.write = fail as never
        if (step === 'sync') handle.sync = fail
        return handle
      },
      rename: step === 'rename' ? fail : nodePartFiles.rename,
    }
  }

  it.each([
    ['open', 'EACCES'],
    ['write', 'ENOSPC'],
    ['sync', 'EIO'],
    ['rename', 'EROFS'],
  ] as const)('that cannot %s (%s) says so once and stops', async (step, code) => {
    const { collect, events, folder } = await setUp(server)
    const { files, missing } = await collect({ files: failing(step, code), width: 1 })
    expect(files).toEqual([])
    expect(missing.map(({ reason }) => reason)).toEqual(Array(4).fill('local_write_failed'))
    expect(events.lines).toEqual([`artifact.local_write_failed ${code}`])
    expect(Object.keys(await contentsOf(folder))).toEqual([])
  })

  it('on which the folder cannot be made says so', async () => {
    const { collect, events, folder } = await setUp(server)
    await writeFile(folder, 'a file in its place')
    const { files, missing } = await collect()
    expect([files, missing.length]).toEqual([[], 4])
    expect(events.lines).toEqual(['artifact.local_write_failed EEXIST'])
  })

  it('on which somebody has put a link where a file is to be keeps what it leads to', async () => {
    const { collect, folder } = await setUp(server, { 'data/x': 'new' })
    const victim = join(await newFolder(), 'victim')
    await writeFile(victim, 'untouched')
    await mkdir(join(folder, 'data'), { recursive: true })
    await symlink(victim, join(folder, 'data/x.part'))
    await symlink(victim, join(folder, 'data/x'))
    expect((await collect()).missing).toEqual([])
    expect((await contentsOf(join(victim, '..')))['victim']!.toString()).toBe('untouched')
  })
})

describe('policy', () => {
  it('leaves behind what is too big or of another kind, says so, and misses nothing', async () => {
    const { collect, events, folder } = await setUp(server)
    const { files, missing, skipped } = await collect({ policy: { maxFileBytes: 200_000, kinds: ['data'] } })
    expect(skipped).toEqual([
      { path: 'report.json', reason: 'kind' },
      { path: 'data/a.csv', reason: 'size' },
    ])
    expect([files.map(({ path }) => path), missing]).toEqual([['data/deep/b.bin', 'data/empty'], []])
    expect(events.lines).toEqual(['artifact.skipped kind', 'artifact.skipped size'])
    expect(Object.keys(await contentsOf(folder)).sort()).toEqual(['data/deep/b.bin', 'data/empty'])
  })
})

describe('secrets', () => {
  const secret = 'sEcr3t-pässwörd-9f8e7d'
  const rows = 'id,name,note\n1,a,b\n'.repeat(20_000)

  it.each([
    ['as it is', secret],
    ['in base64', Buffer.from(`x${secret}y`).toString('base64')],
    ['percent-encoded', encodeURIComponent(secret)],
    ['in JSON', JSON.stringify(secret)],
    ['in hex', Buffer.from(secret).toString('hex')],
  ])('%s are found in the middle of a file, which is not kept', async (_, written) => {
    const masker = createMasker({ secrets: [secret] })
    const contents = { 'data/bad.csv': `${rows}${written}\n${rows}`, 'data/good.csv': rows }
    const { collect, events, folder } = await setUp(server, contents, undefined, masker)
    const { files, missing } = await collect()
    expect([files.map(({ path }) => path), missing]).toEqual([
      ['data/good.csv'],
      [{ path: 'data/bad.csv', reason: 'secret_detected' }],
    ])
    expect(events.lines).toEqual(['secret.detected'])
    const here = await contentsOf(folder)
    expect(Object.keys(here)).toEqual(['data/good.csv'])
    expect(JSON.stringify(events.events)).not.toContain(secret)
  })

  it('are found at every place where a file can be cut, and at its end', async () => {
    const masker = createMasker({ secrets: [secret] })
    const search = (text: string, size: number) => {
      const bytes = Buffer.from(text)
      const looking = masker.search()
      for (let at = 0; at < bytes.length; at += size) looking.write(bytes.subarray(at, at + size))
      return looking.end()
    }
    for (let size = 1; size < 40; size++) {
      expect(search(`some text ${secret}`, size)).toBe(true)
      expect(search(`some text ${secret} and more`, size)).toBe(true)
      expect(search('some text that looks like password=hunter2 and more', size)).toBe(false)
    }
  })

  it('that are short and the last of a file are found as well', async () => {
    const masker = createMasker({ secrets: ['Pw12x'] })
    const { collect } = await setUp(server, { 'data/bad': 'row Pw12x', 'data/ok': 'row Pw12xy' }, undefined, masker)
    expect((await collect()).missing).toEqual([{ path: 'data/bad', reason: 'secret_detected' }])
  })

  it('that only look like some do not make a file of rows a secret', async () => {
    const masker = createMasker({ secrets: [secret] })
    const contents = { 'data/x.csv': 'password=abcdefgh\nAuthorization: Bearer eyJhbGciOi.x.y\n' }
    const { collect } = await setUp(server, contents, undefined, masker)
    expect((await collect()).missing).toEqual([])
  })

  it('in what is quarantined are found too', async () => {
    const masker = createMasker({ secrets: [secret] })
    inject({ at: 'download', kind: 'not-found', path: MANIFEST, times: 'always' })
    const { collect, folder } = await setUp(server, { 'data/bad': secret, 'data/ok': 'x' }, undefined, masker)
    expect((await collect()).quarantined).toEqual(['data/ok'])
    expect(Object.keys(await contentsOf(folder))).toEqual(['quarantine/data/ok'])
  })
})

describe('width', () => {
  it.each([
    [3, 3],
    [100, 8],
  ])('%i means %i files at one time', async (width, most) => {
    const contents = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`data/f${n}`, `${n}`]))
    const { collect, port } = await setUp(server, contents)
    let now = 0
    let peak = 0
    const counted: Pick<typeof port, 'download' | 'listFiles'> = {
      listFiles: (...given) => port.listFiles(...given),
      async download(...given) {
        now++
        peak = Math.max(peak, now)
        try {
          await new Promise((resolve) => setTimeout(resolve, 5))
          return await port.download(...given)
        } finally {
          now--
        }
      },
    }
    expect((await collect({ port: counted, width })).files).toHaveLength(20)
    expect(peak).toBe(most)
  })
})

describe('giving up', () => {
  it('leaves no part of a file behind and names all that is missing', async () => {
    const { collect, folder, events, id } = await setUp(server)
    await leave(server, id)
    const scope = new AbortController()
    const fault = inject({ at: 'download', kind: 'stall-in-body', path: FILE, times: 'always' })
    const pending = collect({ signal: scope.signal, width: 1 })
    await expect.poll(() => fault.hits).toBe(1)
    scope.abort()
    const { files, missing } = await pending
    expect(files.map(({ path }) => path)).toEqual(['report.json'])
    expect(missing).toEqual([
      { path: 'data/a.csv', reason: 'lost' },
      { path: 'data/deep/b.bin', reason: 'cancelled' },
      { path: 'data/empty', reason: 'cancelled' },
    ])
    expect(events.lines).toEqual(['artifact.download_failed aborted false', 'artifact.lost'])
    expect(Object.keys(await contentsOf(folder))).toEqual(['report.json'])
  })
})

function sized(manifest: WorkerManifest, size: number): unknown {
  return { ...manifest, files: manifest.files.map((file) => ({ ...file, size })) }
}

function twice(manifest: WorkerManifest): unknown {
  return { ...manifest, files: [...manifest.files, ...manifest.files] }
}
