import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { settle } from '../../../src/testing/sockets.js'
import { describeSdk, outcome } from './sdk.js'

describeSdk('commands', {}, (bench) => {
  it('runs in the foreground: output, exit codes, signals', async () => {
    const { commands } = await bench.create()
    expect(await commands.run('echo out; echo err >&2')).toMatchObject({
      exitCode: 0,
      stdout: 'out\n',
      stderr: 'err\n',
    })
    expect(await outcome(commands.run('exit 7'))).toBe('CommandExitError: exit status 7')
    expect(await outcome(commands.run('kill -9 $$'))).toBe('CommandExitError: signal: killed')
    const failed = await commands.run('echo partly; exit 3').catch((error: object) => error)
    expect(failed).toMatchObject({ exitCode: 3, stdout: 'partly\n' })
    expect(await outcome(commands.run('true', { cwd: '/nowhere' }))).toMatch(/^InvalidArgumentError/)
  })

  it('has a home, variables, and nothing of the environment of the server', async () => {
    process.env['E2B_TEST_CANARY'] = 'bird'
    const { commands, files } = await bench.create({ envs: { FROM_CREATE: '1', BOTH: 'create' } })
    const { stdout } = await commands.run('env', { envs: { BOTH: 'run', WHERE: '/home/user/x' } })
    delete process.env['E2B_TEST_CANARY']
    const { directory, id } = bench.server.sandboxes()[0]!
    const variables = Object.fromEntries(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split(/=(.*)/s)),
    )
    expect(variables).toMatchObject({
      HOME: `${directory}/home/user`,
      FROM_CREATE: '1',
      BOTH: 'run',
      E2B_SANDBOX_ID: id,
    })
    expect(variables['WHERE']).toBe(`${directory}/home/user/x`)
    const known = ['PATH', 'LANG', 'HOME', 'USER', 'LOGNAME', 'E2B_SANDBOX', 'E2B_SANDBOX_ID']
    const ofBash = ['PWD', 'OLDPWD', 'SHLVL', '_']
    const given = ['FROM_CREATE', 'BOTH', 'WHERE']
    expect(Object.keys(variables).filter((name) => ![...known, ...ofBash, ...given].includes(name))).toEqual([])
    await commands.run('mkdir -p /home/user/made /tmp/work && cd /tmp/work && echo "$PWD" > "/home/user/made/where"')
    expect(await files.read('made/where')).toBe(`${directory}/tmp/work\n`)
    expect((await commands.run('pwd', { cwd: '/tmp/work' })).stdout).toBe(`${directory}/tmp/work\n`)
    expect((await commands.run('pwd', { cwd: 'made' })).stdout).toBe(`${directory}/home/user/made\n`)
  })

  it('has a node of its own', async () => {
    const { commands } = await bench.create()
    const { stdout } = await commands.run('node --version; command -v node')
    expect(stdout).toMatch(new RegExp(`^${process.version}\n/.*/bin/node\n$`))
    expect(stdout).toContain(bench.server.sandboxes()[0]!.directory.replace(/\/[^/]+$/, '/bin/node'))
  })

  it('takes standard input while a command runs in the background', async () => {
    const { commands } = await bench.create()
    const chunks: string[] = []
    const handle = await commands.run('while read line; do echo "got $line"; done; echo end', {
      background: true,
      stdin: true,
      onStdout: (chunk) => void chunks.push(chunk),
    })
    await handle.sendStdin('one\n')
    await expect.poll(() => chunks.join('')).toBe('got one\n')
    await commands.sendStdin(handle.pid, 'two\n')
    await commands.closeStdin(handle.pid)
    expect((await handle.wait()).stdout).toBe('got one\ngot two\nend\n')
    const deaf = await commands.run('sleep 30', { background: true })
    expect(await outcome(commands.sendStdin(deaf.pid, 'x'))).toMatch(/stdin not enabled/)
    expect(await outcome(commands.sendStdin(999_999_999, 'x'))).toMatch(/not_found/)
  })

  it('lists and kills', async () => {
    const { commands } = await bench.create()
    const handle = await commands.run('sleep 60', { background: true, envs: { A: '/tmp' } })
    expect(await commands.list()).toEqual([
      { pid: handle.pid, cmd: '/bin/bash', args: ['-l', '-c', 'sleep 60'], envs: { A: '/tmp' } },
    ])
    expect(await commands.kill(handle.pid)).toBe(true)
    expect(await outcome(handle.wait())).toBe('CommandExitError: signal: killed')
    expect(await commands.kill(handle.pid)).toBe(false)
    expect(await commands.list()).toEqual([])
    expect(await settle(() => bench.server.processes().length, 0, 2000)).toBe(0)
  })

  it('ends the leader at its deadline, and leaves descendants alive', async () => {
    const { commands } = await bench.create()
    const slow = commands.run('sleep 60 & sleep 61; true', { timeoutMs: 300 })
    expect(await outcome(slow)).toMatch(/^TimeoutError: \[deadline_exceeded\]/)
    expect(await settle(() => commands.list().then((list) => list.length), 0, 2000)).toBe(0)
    expect(bench.server.processes()).toHaveLength(2)
  })

  it('can be followed again, and tells late how it ended', async () => {
    const { commands } = await bench.create()
    const handle = await commands.run('echo early; read line; echo "late $line"; exit 4', {
      background: true,
      stdin: true,
    })
    await expect.poll(() => handle.stdout).toBe('early\n')
    await handle.disconnect()
    const again = await commands.connect(handle.pid)
    expect(again.pid).toBe(handle.pid)
    await again.sendStdin('word\n')
    expect(await outcome(again.wait())).toBe('CommandExitError: exit status 4')
    expect(again.stdout).toBe('late word\n')
    const after = await commands.connect(handle.pid)
    expect(await outcome(after.wait())).toBe('CommandExitError: exit status 4')
    expect(await outcome(commands.connect(999_999_999))).toMatch(/not_found/)
  })

  it('goes on when nobody follows', async () => {
    const { commands, files } = await bench.create()
    const handle = await commands.run('read line; seq 100000; echo done > done', { background: true, stdin: true })
    await handle.disconnect()
    await commands.sendStdin(handle.pid, 'go\n')
    await expect.poll(() => files.exists('done'), { timeout: 10_000 }).toBe(true)
  })

  it('waits for a client that is slow, and loses nothing', async () => {
    const { commands } = await bench.create()
    let lines = 0
    const result = await commands.run('seq 400000', {
      timeoutMs: 0,
      onStdout: async (chunk) => {
        if (lines === 0) await sleep(200)
        lines += chunk.split('\n').length - 1
      },
    })
    expect(lines).toBe(400_000)
    expect(result.stdout.endsWith('400000\n')).toBe(true)
  })

  it('does not end before its pipes are closed, unless it is killed', async () => {
    const { commands } = await bench.create()
    const result = await commands.run('(sleep 0.2; echo later) & echo now')
    expect(result.stdout).toBe('now\nlater\n')
    const held = await commands.run('sleep 60 & echo now; sleep 61; true', { background: true })
    await expect.poll(() => held.stdout).toBe('now\n')
    await held.kill()
    expect(await outcome(held.wait())).toBe('CommandExitError: signal: killed')
  })

  it('kills a whole tree with the sandbox, also what has left its group or its environment', async () => {
    const sandbox = await bench.create()
    await sandbox.commands.run('setsid sleep 71 & env -i /bin/sleep 72 & (sleep 73 & sleep 74; true) & wait', {
      background: true,
      timeoutMs: 0,
    })
    await expect.poll(() => bench.server.processes().length).toBe(6)
    await sandbox.kill()
    expect(bench.server.processes()).toEqual([])
  })
})
