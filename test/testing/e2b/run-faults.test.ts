import { expect, it } from 'vitest'
import { settle } from '../../../src/testing/sockets.js'
import { describeSdk, outcome } from './sdk.js'

/** Says a word for each line that it is given, so that every word is a chunk of its own. */
const ECHO = 'while read line; do echo "$line"; done'

describeSdk('faults of a run', {}, (bench) => {
  it.each([
    ['server-error', /^SandboxError: 2: \[unknown\] HTTP 500/],
    ['bad-gateway', /^SandboxNotFoundError/],
    ['busy', /^SandboxNotFoundError/],
    ['reset', /fetch failed/],
  ] as const)('start, %s: nothing runs', async (kind, thrown) => {
    const { commands } = await bench.create()
    const handle = bench.server.inject({ at: 'start', kind, path: /sleep 60/ })
    expect(await outcome(commands.run('true'))).toBe('done')
    expect(await outcome(commands.run('sleep 60'))).toMatch(thrown)
    expect([bench.server.processes(), handle.hits]).toEqual([[], 1])
  })

  it('start, reply-lost: it runs, and can be found', async () => {
    const { commands, files } = await bench.create()
    bench.server.inject({ at: 'start', kind: 'reply-lost' })
    expect(await outcome(commands.run('echo ran > ran; sleep 60'))).toMatch(/fetch failed/)
    await expect.poll(() => files.exists('ran')).toBe(true)
    expect(await commands.list()).toHaveLength(1)
  })

  it('cut: the command goes on, and can be followed again', async () => {
    const { commands } = await bench.create()
    const handle = bench.server.inject({ at: 'stream', kind: 'cut', after: 6 })
    const run = await commands.run(`echo first; ${ECHO}`, { background: true, stdin: true })
    expect(await outcome(run.wait())).toBe('SandboxError: 2: [unknown] terminated')
    expect([run.stdout, handle.hits]).toEqual(['first\n', 1])
    const again = await commands.connect(run.pid)
    await again.sendStdin('second\n')
    await again.closeStdin()
    expect((await again.wait()).stdout).toBe('second\n')
    expect(bench.server.requests.find(({ at }) => at === 'start')!.faults).toEqual(['cut'])
  })

  it('cut at byte 0, before anything is written, and in the middle of a chunk', async () => {
    const { commands } = await bench.create()
    bench.server.inject({ at: 'stream', kind: 'cut' })
    const silent = await commands.run('sleep 60', { background: true })
    expect(await outcome(silent.wait())).toBe('SandboxError: 2: [unknown] terminated')
    bench.server.inject({ at: 'stream', kind: 'cut', after: 3 })
    const run = await commands.run('echo first; sleep 60', { background: true })
    expect(await outcome(run.wait())).toBe('SandboxError: 2: [unknown] terminated')
    expect(run.stdout).toBe('fir')
    expect(await commands.list()).toHaveLength(2)
  })

  it('cut always: every attempt to follow', async () => {
    const { commands } = await bench.create()
    const handle = bench.server.inject({ at: 'stream', kind: 'cut', times: 'always' })
    const run = await commands.run('sleep 60', { background: true })
    for (const one of [run, await commands.connect(run.pid), await commands.connect(run.pid)]) {
      expect(await outcome(one.wait())).toBe('SandboxError: 2: [unknown] terminated')
    }
    expect(handle.hits).toBe(3)
  })

  it('no-end: a stream that ends as it should, without saying how the command ended', async () => {
    const { commands } = await bench.create()
    bench.server.inject({ at: 'stream', kind: 'no-end' })
    const run = await commands.run('echo out', { background: true })
    expect(await outcome(run.wait())).toBe('SandboxError: Process exited without a result')
    expect(run.stdout).toBe('out\n')
  })

  it('one-byte-chunks: characters stay whole, lines do not', async () => {
    const { commands } = await bench.create()
    bench.server.inject({ at: 'stream', kind: 'one-byte-chunks' })
    const chunks: string[] = []
    await commands.run("printf 'grün\\nline\\n'", { onStdout: (chunk) => void chunks.push(chunk) })
    expect(chunks).toEqual([...'grün\nline\n'])
  })

  it('noise: between lines, never within', async () => {
    const { commands } = await bench.create()
    const handle = bench.server.inject({ at: 'stream', kind: 'noise', times: 'always', line: 'noise\n' })
    const run = await commands.run(`printf o; read line; echo ne; ${ECHO}`, { background: true, stdin: true })
    await expect.poll(() => run.stdout).toBe('noise\no')
    await run.sendStdin('go on\n')
    await expect.poll(() => run.stdout).toBe('noise\none\n')
    await run.sendStdin('two\n')
    await run.closeStdin()
    expect((await run.wait()).stdout).toBe('noise\none\nnoise\ntwo\n')
    expect(handle.hits).toBe(2)
    bench.server.inject({ at: 'stream', kind: 'noise' })
    handle.remove()
    const { stdout } = await commands.run('echo {}')
    expect(stdout.split('\n')[1]).toBe('{}')
    expect(() => JSON.parse(stdout.split('\n')[0]!)).toThrow(SyntaxError)
  })

  it.each([
    ['drop-chunk', 'one\nthree\n'],
    ['repeat-chunk', 'one\ntwo\ntwo\nthree\n'],
  ] as const)('%s: the SDK is content', async (kind, expected) => {
    const { commands } = await bench.create()
    const handle = bench.server.inject({ at: 'stream', kind, after: 4 })
    const run = await commands.run(`${ECHO} | tee log`, { background: true, stdin: true })
    const logged = async (): Promise<string> => (await commands.run('cat log')).stdout
    for (const [line, sofar] of [
      ['one\n', 'one\n'],
      ['two\n', 'one\ntwo\n'],
    ] as const) {
      await run.sendStdin(line)
      await expect.poll(logged).toBe(sofar)
    }
    await run.sendStdin('three\n')
    await run.closeStdin()
    expect((await run.wait()).stdout).toBe(expected)
    expect(handle.hits).toBe(1)
  })

  it('stop: silence, while everything is there', async () => {
    const { commands } = await bench.create()
    bench.server.inject({ at: 'stream', kind: 'stop', after: 4 })
    const run = await commands.run('echo one; while true; do echo more >> more; sleep 0.01; done', { background: true })
    await expect.poll(() => run.stdout).toBe('one\n')
    const size = async (): Promise<string> => (await commands.run('cat more 2>/dev/null | wc -c')).stdout
    const halted = await size()
    expect(await size()).toBe(halted)
    expect(bench.server.processes().length).toBeGreaterThan(0)
    expect(await commands.kill(run.pid)).toBe(true)
    expect(await outcome(run.wait())).toBe('CommandExitError: signal: killed')
  })

  it('process-killed, exit: in the way of a machine without memory, of a program that fails', async () => {
    const { commands } = await bench.create()
    bench.server.inject({ at: 'stream', kind: 'process-killed', after: 4 })
    const killed = await commands.run('echo one; sleep 60 & sleep 61', { background: true })
    expect(await outcome(killed.wait())).toBe('CommandExitError: signal: killed')
    expect([killed.stdout, killed.exitCode]).toEqual(['one\n', -1])
    bench.server.inject({ at: 'stream', kind: 'exit', after: 4, exitCode: 7 })
    const failed = await commands.run('echo one; sleep 60 & sleep 61', { background: true })
    expect(await outcome(failed.wait())).toBe('CommandExitError: exit status 7')
    expect(failed.stdout).toBe('one\n')
    expect(await settle(() => bench.server.processes().length, 0, 2000)).toBe(0)
  })

  it.each(['sandbox-killed', 'sandbox-expired'] as const)('%s: in the middle of a run', async (kind) => {
    const sandbox = await bench.create()
    const handle = bench.server.inject({ at: 'stream', kind, after: 4 })
    const run = await sandbox.commands.run('echo one; echo two; sleep 60', { background: true })
    expect(await outcome(run.wait())).toMatch(/^TimeoutError: .*killed or reached its end of life/)
    expect([run.stdout, handle.hits]).toEqual(['one\n', 1])
    expect(bench.server.sandboxes()).toEqual([])
    expect(await settle(() => bench.server.processes().length, 0, 2000)).toBe(0)
    expect(await sandbox.kill()).toBe(false)
  })

  it('several at once', async () => {
    const { commands } = await bench.create()
    bench.server.inject({ at: 'stream', kind: 'one-byte-chunks' })
    bench.server.inject({ at: 'stream', kind: 'noise', line: 'noise\n' })
    bench.server.inject({ at: 'stream', kind: 'exit', after: 5, exitCode: 9 })
    const run = await commands.run('echo one; echo two; sleep 60', { background: true })
    expect(await outcome(run.wait())).toBe('CommandExitError: exit status 9')
    expect(run.stdout).toMatch(/^noise\none\nt/)
    expect(bench.server.requests.find(({ at }) => at === 'start')!.faults.toSorted()).toEqual([
      'exit',
      'noise',
      'one-byte-chunks',
    ])
  })

  it('calls about processes fail as they are told', async () => {
    const { commands } = await bench.create()
    const run = await commands.run(ECHO, { background: true, stdin: true })
    bench.server.inject({ at: 'stdin', kind: 'refused' })
    expect(await outcome(run.sendStdin('x\n'))).toMatch(/^SandboxError: 13: \[internal\] error writing to stdin/)
    await run.sendStdin('y\n')
    await expect.poll(() => run.stdout).toBe('y\n') // and no x
    const calls = [
      ['stdin', () => run.sendStdin('z\n')],
      ['processes', () => commands.list()],
      ['reattach', () => commands.connect(run.pid)],
      ['closeStdin', () => run.closeStdin()],
      ['signal', () => commands.kill(run.pid)],
    ] as const
    for (const [at, call] of calls) {
      bench.server.inject({ at, kind: 'unauthorized' })
      expect(`${at} ${await outcome(call())}`).toMatch(new RegExp(`^${at} AuthenticationError`))
      expect(`${at} ${await outcome(call())}`).toBe(`${at} done`)
    }
  })
})
