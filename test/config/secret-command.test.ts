import { chmod, chown, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runSecretCommand } from '../../src/config/secret-command.js'
import type { Secret } from '../../src/masking/secret.js'
import { load, refusal, workspace } from './workspace.js'

const CANARY = 'swordfish-9917'
const PATH = process.env['PATH']

const withCommand = (command: string, allow = 'allow_cmd: true') => `${allow}
connections:
  shop:
    driver: server
    password: '\${cmd:${command.replaceAll("'", "''")}}'
`

async function output(command: string, env: Record<string, string | undefined> = { PATH }) {
  const { config } = await load(withCommand(command), { env })
  return ((await config.connection('shop')).settings['password'] as Secret).reveal()
}

/** A script in Node, run by its path. */
async function script(body: string): Promise<string> {
  const folder = await workspace({ 'give.mjs': body })
  return `'${process.execPath}' '${join(folder, 'give.mjs')}'`
}

async function alive(pid: number): Promise<boolean> {
  // A killed process may still be there as a zombie until whoever adopted it has waited for it.
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '0 (gone) Z')
  return !/\) [ZX]/.test(stat)
}

describe('${cmd:…}', () => {
  test('gives what the program prints', async () => {
    expect(await output(`printf '%s\\n' "${CANARY} }"`)).toBe(`${CANARY} }`)
  })

  test('needs allow_cmd', async () => {
    for (const allow of ['', 'allow_cmd: false']) {
      const error = await refusal(load(withCommand(`echo ${CANARY}`, allow)), 'CONFIG_INVALID', CANARY)
      expect(error.message).toContain('allow_cmd: true')
    }
  })

  test('refuses allow_cmd in a file that others can change', async () => {
    const cwd = await workspace({ 'airlock.yaml': withCommand('echo x') })
    await chmod(join(cwd, 'airlock.yaml'), 0o606)
    expect((await refusal(load(undefined, { cwd }), 'CONFIG_INVALID')).message).toContain(
      'allow_cmd (airlock.yaml line 1)',
    )
    await chmod(join(cwd, 'airlock.yaml'), 0o644)
    await load(undefined, { cwd })
    const isRoot = process.getuid?.() === 0
    if (isRoot) await chown(join(cwd, 'airlock.yaml'), 65_534, 65_534)
    await refusal(load(undefined, { cwd, userId: 4_000_000_000 }), 'CONFIG_INVALID')
  })

  test('uses no shell: nothing is expanded, chained or redirected', async () => {
    const odd = '$HOME `id` $(id) * ; echo x > y | z &'
    expect(await output(`printf %s '${odd}'`, { PATH, HOME: '/root' })).toBe(odd)
    expect(await output(`echo ${CANARY} ; false`)).toBe(`${CANARY} ; false`)
  })

  test('passes on only a few variables', async () => {
    const names = (await output('env', { PATH, HOME: '/h', SHOP_PASSWORD: CANARY, LD_PRELOAD: '', NODE_OPTIONS: '' }))
      .split('\n')
      .map((line) => line.split('=')[0])
    expect(names.sort()).toEqual(['HOME', 'PATH'])
  })

  test('runs in the folder of the configuration file', async () => {
    const cwd = await workspace({ 'airlock.yaml': withCommand('cat pw'), pw: CANARY })
    const { config } = await load(undefined, { cwd, env: { PATH } })
    expect(((await config.connection('shop')).settings['password'] as Secret).reveal()).toBe(CANARY)
  })

  test.each(['no-such-program-here', 'false', 'true', "printf '\\377'", `sh -c 'echo ${CANARY}; exit 3'`])(
    '%s gives SECRET_UNRESOLVED',
    async (command) => {
      await refusal(output(command), 'SECRET_UNRESOLVED', CANARY, 'no-such-program', 'ENOENT')
    },
  )

  test('an open quote is found before anything runs', async () => {
    const error = await refusal(load(withCommand(`echo "${CANARY}`)), 'CONFIG_INVALID', CANARY)
    expect(error.message).toContain('a quote of the command is not closed')
  })

  test('what the program says on its error output goes nowhere', async () => {
    await refusal(output(await script(`console.error('${CANARY}'); process.exit(1)`)), 'SECRET_UNRESOLVED', CANARY)
  })

  test('too much output ends the program', async () => {
    const command = await script(`process.stdout.on('error', () => process.exit(0))
setInterval(() => process.stdout.write('${CANARY}'.repeat(5000)), 1)`)
    const started = performance.now()
    await refusal(output(command), 'SECRET_UNRESOLVED', CANARY)
    // Not by the deadline of ten seconds.
    expect(performance.now() - started).toBeLessThan(8_000)
  })
})

describe('runSecretCommand', () => {
  test('kills a slow program and its children at the deadline', async () => {
    const folder = await workspace()
    const program = `sleep 600 & echo $$ $! > pids; wait`
    const options = { at: 'here', folder, variables: { PATH }, deadlineMs: 500 }
    const started = performance.now()
    await refusal(runSecretCommand(['sh', '-c', program], options), 'SECRET_UNRESOLVED')
    expect(performance.now() - started).toBeLessThan(5_000)
    const pids = (await readFile(join(folder, 'pids'), 'utf8')).trim().split(' ').map(Number)
    expect(pids).toHaveLength(2)
    await expect.poll(() => Promise.all(pids.map(alive)), { timeout: 5_000 }).toEqual([false, false])
  })

  test('does not wait for a child that keeps the output open longer than the deadline', async () => {
    const folder = await workspace()
    const options = { at: 'here', folder, variables: { PATH }, deadlineMs: 300 }
    await refusal(runSecretCommand(['sh', '-c', 'sleep 600 & echo $! > pid; echo x'], options), 'SECRET_UNRESOLVED')
    const pid = Number(await readFile(join(folder, 'pid'), 'utf8'))
    await expect.poll(() => alive(pid), { timeout: 5_000 }).toBe(false)
  })
})
