import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RemoteEventFields, RemoteEventName } from '../../src/remote/events.js'
import { FrameReader, type FrameReaderOptions } from '../../src/remote/frame-reader.js'
import { FrameWriter } from '../../src/remote/frame-writer.js'
import { MAX_FRAME_BYTES, type WorkerFrame } from '../../src/remote/protocol.js'

const beat = (seq: number, rows = seq) => ({ v: 1, seq, t: 'beat', rss: 1, rows, bytes: 0 }) as const
const lineOf = (value: unknown) => `${JSON.stringify(value)}\n`

function reading(options: Partial<FrameReaderOptions> = {}) {
  const told: [RemoteEventName, RemoteEventFields][] = []
  const seen: WorkerFrame[] = []
  const asked: number[] = []
  const reader = new FrameReader({
    onFrame: (frame) => void seen.push(frame),
    backfill: async () => '',
    events: { emit: (event, fields = {}) => told.push([event, fields]) },
    ...options,
  })
  return { reader, told, seen, asked, numbers: () => seen.map(({ seq }) => seq) }
}

describe('the reader of frames', () => {
  it('hands on frames that came in pieces, in order', async () => {
    const { reader, numbers, told } = reading()
    const text = [0, 1, 2].map((seq) => lineOf(beat(seq))).join('')
    for (const character of text) reader.push(character)
    await reader.end()
    expect([numbers(), told]).toEqual([[0, 1, 2], []])
  })

  // Guards: the carry buffer's limit, the length of a line, the schema's version. Each was taken out once.
  it.each([
    ['noise', 'Debugger attached.\n', 'not_json'],
    ['half of a frame', `${lineOf(beat(0)).slice(5, 30)}\n`, 'not_json'],
    ['JSON that is no frame', '[1]\n', 'version'],
    ['another version', lineOf({ ...beat(0), v: 2 }), 'version'],
    ['another shape', lineOf({ ...beat(0), rss: -1 }), 'shape'],
    ['an unknown frame', lineOf({ v: 1, seq: 0, t: 'shell', command: 'x' }), 'shape'],
    ['a line that is too long', `${JSON.stringify(beat(0)).padEnd(MAX_FRAME_BYTES)}\n`, 'too_long'],
    ['a line without an end', 'x'.repeat(5 * MAX_FRAME_BYTES), undefined],
  ])('passes over %s', async (_, noise, problem) => {
    const { reader, numbers, told } = reading()
    for (let at = 0; at < noise.length; at += 1000) reader.push(noise.slice(at, at + 1000))
    if (problem === undefined) reader.push('\n')
    reader.push(lineOf(beat(0)))
    await reader.end()
    expect(numbers()).toEqual([0])
    expect(told).toEqual([['frame.malformed', { class: problem ?? 'too_long' }]])
    expect(reader.counts).toMatchObject({ handled: 1, malformed: 1 })
  })

  // Guard: the limit of the carry buffer. Without it the line grew beyond what a string can hold, and push threw.
  it('keeps nothing of a line without an end', async () => {
    const { reader, numbers } = reading()
    const piece = 'x'.repeat(1 << 20)
    for (let at = 0; at < 600; at++) reader.push(piece)
    reader.push(`\n${lineOf(beat(0))}`)
    await reader.end()
    expect([numbers(), reader.counts.malformed]).toEqual([[0], 1])
  })

  it('asks for what is missing and handles it before what came', async () => {
    const file = [0, 1, 2, 3, 4].map((seq) => lineOf(beat(seq))).join('')
    const asked: number[] = []
    const { reader, numbers, told } = reading({
      backfill: async (fromSeq) => {
        asked.push(fromSeq)
        return file
      },
    })
    for (const seq of [0, 3, 4]) reader.push(lineOf(beat(seq)))
    await reader.end()
    expect([numbers(), asked]).toEqual([[0, 1, 2, 3, 4], [1]])
    expect(told).toEqual([
      ['frame.gap', { count: 2, frame: 3 }],
      ['frame.backfilled', { count: 2 }],
    ])
  })

  it('handles a frame once that comes again, after it was looked for too', async () => {
    const file = [0, 1, 2].map((seq) => lineOf(beat(seq))).join('')
    const { reader, numbers } = reading({ backfill: async () => file })
    for (const seq of [0, 2, 1, 1, 0, 2]) reader.push(lineOf(beat(seq)))
    await reader.end()
    expect(numbers()).toEqual([0, 1, 2])
    expect(reader.counts.repeated).toBe(4)
  })

  it.each([
    ['has not got them', async () => lineOf(beat(0))],
    ['cannot be read', async () => Promise.reject(new Error('gone'))],
    ['is noise', async () => 'x\n'.repeat(10)],
  ])('goes on without frames where the file %s, and says so', async (_, backfill) => {
    const { reader, numbers, told } = reading({ backfill })
    for (const seq of [0, 3]) reader.push(lineOf(beat(seq)))
    await reader.end()
    expect(numbers()).toEqual([0, 3])
    expect(reader.counts.lost).toBe(2)
    expect(told.at(-1)).toEqual(['frame.gap', { count: 2, frame: 3, class: 'lost' }])
  })

  it('catches up with the file where the output ended too early', async () => {
    const file = [0, 1, 2].map((seq) => lineOf(beat(seq))).join('')
    const { reader, numbers, told } = reading({ backfill: async () => `${file}${lineOf(beat(3)).slice(0, 20)}` })
    reader.push(lineOf(beat(0)) + lineOf(beat(1)).slice(0, 9))
    await reader.end()
    await reader.catchUp()
    await reader.catchUp()
    expect(numbers()).toEqual([0, 1, 2])
    expect(told).toEqual([
      ['frame.truncated', {}],
      ['frame.backfilled', { count: 2 }],
    ])
  })

  it('tells of a file that cannot be read when it catches up', async () => {
    const { reader } = reading({ backfill: async () => Promise.reject(new Error('gone')) })
    await expect(reader.catchUp()).rejects.toThrow('gone')
    reader.push(lineOf(beat(0)))
    await reader.end()
    expect(reader.counts.handled).toBe(1)
  })

  it('goes on after a handler that throws, and remembers it', async () => {
    const seen: number[] = []
    const { reader, told } = reading({
      onFrame: async ({ seq }) => {
        seen.push(seq)
        if (seq === 1) throw new Error('a value')
      },
    })
    for (const seq of [0, 1, 2]) reader.push(lineOf(beat(seq)))
    await reader.end()
    expect([seen, reader.handlerFailed]).toEqual([[0, 1, 2], true])
    expect(told).toEqual([['frame.handler_failed', { frame: 1, class: 'beat' }]])
  })

  it('does not believe a number that is far away', async () => {
    const { reader, numbers, told } = reading()
    for (const seq of [0, 9_000_000, 1]) reader.push(lineOf(beat(seq)))
    await reader.end()
    expect([numbers(), told]).toEqual([[0, 1], [['frame.malformed', { class: 'sequence' }]]])
  })

  // Guard: QUEUE_LIMIT. Without it all 50,000 lines waited in memory, and none had to be looked for.
  it('keeps little while a handler is slow, and finds the rest in the file', async () => {
    const lines = Array.from({ length: 100_000 }, (_, seq) => lineOf(beat(seq)))
    let asked = 0
    const { reader, numbers, told } = reading({
      backfill: async () => {
        asked++
        return lines.join('')
      },
    })
    reader.push(lines.join(''))
    await reader.end()
    await reader.catchUp()
    expect([asked, told]).toEqual([1, [['frame.backfilled', { count: expect.any(Number) }]]])
    expect(numbers()).toEqual(lines.map((_, seq) => seq))
  })
})

describe('the writer of frames', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'airlock-frames-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))
  const opened = (path: string, changes: { readonly fd?: number } = {}) => {
    let gone = 0
    const writer = new FrameWriter({
      file: join(folder, 'events.jsonl'),
      fd: changes.fd ?? openSync(path, 'w'),
      mask: (text) => text.replaceAll('hunter2', '***'),
      onGone: () => gone++,
    })
    return { writer, gone: () => gone, file: () => readFileSync(join(folder, 'events.jsonl'), 'utf8') }
  }

  it('numbers frames, and writes the same lines to the output and to the file', () => {
    const output = join(folder, 'out')
    const { writer, file } = opened(output)
    writer.write({ t: 'opened' })
    writer.write({ t: 'event', name: 'stream.started', data: { stream: 'hunter2', n: 1, none: null } })
    writer.write({ t: 'progress', stream: 'hunter2', rows: 1, bytes: 1, seconds: 0 })
    expect(readFileSync(output, 'utf8')).toBe(file())
    expect(
      file()
        .split('\n')
        .slice(0, 3)
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { v: 1, seq: 0, t: 'opened' },
      { v: 1, seq: 1, t: 'event', name: 'stream.started', data: { stream: '***', n: 1, none: null } },
      { v: 1, seq: 2, t: 'progress', stream: '***', rows: 1, bytes: 1, seconds: 0 },
    ])
  })

  it('says that a frame was too long in its place', () => {
    const { writer, file } = opened(join(folder, 'out'))
    writer.write({ t: 'event', name: 'warning.raised', data: { problem: 'ü'.repeat(MAX_FRAME_BYTES / 2) } })
    const data = { problem: 'frame too long', frame: 'event', bytes: expect.any(Number) }
    expect(JSON.parse(file())).toEqual({ v: 1, seq: 0, t: 'event', name: 'warning.raised', data })
  })

  it('begins its file anew: another worker may have been started before it', () => {
    const first = opened(join(folder, 'a'))
    const second = opened(join(folder, 'b'))
    second.writer.write({ t: 'opened' })
    first.writer.write({ t: 'opened' })
    expect(second.file()).toBe('{"v":1,"seq":0,"t":"opened"}\n')
  })

  // Guard: keep() closes the file and says so; without its catch the second write threw EBADF.
  it.runIf(process.platform === 'linux')('goes on without a file that it cannot write, and says so', () => {
    const output = join(folder, 'out')
    const { writer } = opened(output)
    const own = readdirSync('/proc/self/fd').find((fd) => linkOf(fd) === join(folder, 'events.jsonl'))
    closeSync(Number(own))
    writer.write({ t: 'opened' })
    writer.write({ t: 'opened' })
    const lines = readFileSync(output, 'utf8').trim().split('\n')
    expect(lines.map((line) => (JSON.parse(line) as WorkerFrame).t)).toEqual(['opened', 'event', 'opened'])
  })

  /** A process that writes frames of 8 kB and 3 kB to its output, which does not block. */
  const writing = (frames: number, reader = '') => {
    const command = `exec node --import tsx test/remote/write-frames.ts "$0" ${frames}`
    const script = reader === '' ? command : `(${command}) | { ${reader}; }`
    const env = { PATH: `${dirname(process.execPath)}:${process.env['PATH']}` }
    const child = spawn('sh', ['-c', script, join(folder, 'events.jsonl')], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    return { child, ended: once(child, 'close'), kept: () => readFileSync(join(folder, 'events.jsonl'), 'utf8') }
  }

  // Guard: the rest of a line that was taken in part comes before the next line. Without it a line was malformed.
  it('loses nothing when the reader takes nothing for a while', { timeout: 60_000 }, async () => {
    const go = join(folder, 'go')
    const { child, ended, kept } = writing(
      200,
      `n=0; while [ ! -e ${go} ] && [ $n -lt 800 ]; do n=$((n + 1)); sleep 0.05; done; cat`,
    )
    const { reader, numbers, told } = reading({ backfill: async () => kept() })
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => reader.push(chunk))
    const isBehind = () => existsSync(join(folder, 'events.jsonl')) && kept().split('\n').length > 150
    for (const deadline = Date.now() + 40_000; !isBehind() && Date.now() < deadline; ) await sleep(50)
    writeFileSync(go, '')
    await ended
    await reader.end()
    await reader.catchUp()
    expect(numbers()).toEqual(Array.from({ length: 201 }, (_, seq) => seq))
    expect(told.map(([event]) => event)).toContain('frame.backfilled')
    expect(told.map(([event]) => event)).not.toContain('frame.malformed')
  })

  it('tells once that nobody reads any more', { timeout: 60_000 }, async () => {
    const { child, ended, kept } = writing(200)
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk
    })
    child.stdout.destroy()
    await ended
    expect([stderr, kept().split('\n').length]).toEqual(['gone\n', 202])
  })
})

function linkOf(fd: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return undefined // the one that listed the folder
  }
}
