import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { version } from '../../src/cli/version.js'
import { Canaries, canary } from '../leaks/canaries.js'
import { airlock, calmLine, envelope, several, start } from './airlock.js'

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'airlock-cli-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

// Each was seen red with its guard broken: argv shapes one by one, the masked echo of usage errors, help on stderr.
describe('the command line', { timeout: 90_000 }, () => {
  it('prints version and help on stdout, once', async () => {
    const [short, help] = await Promise.all([airlock(['-V']), airlock(['--help'])])
    const [long, command, ofRun] = await several([['--version', '--json'], ['help'], ['run', '--help']])
    expect(short).toMatchObject({ code: 0, stdout: `${version()}\n`, stderr: '' })
    expect(long).toMatchObject({ code: 0, stdout: `${version()}\n`, stderr: '' })
    expect(help).toMatchObject({ code: 0, stderr: '' })
    for (const name of ['run', 'copy', 'plan', 'verify', 'state', 'runs', 'check', 'mask', 'config', 'audit', 'demo']) {
      expect(help.stdout).toMatch(new RegExp(`^  ${name}\\b`, 'm'))
    }
    expect(command).toEqual(help)
    expect(help.stdout.match(/^Usage:/gm)).toHaveLength(1)
    expect(ofRun!.stdout).toMatch(/^Usage: airlock run /)
    for (const option of ['--streams', '--verify', '--dry-run']) expect(ofRun!.stdout).toContain(option)
  })

  it('calls anything else a usage error, in one line and with exit 2', async () => {
    const wrong = [
      ['rnu'],
      ['run'],
      ['run', 'a.yaml', 'b.yaml'],
      ['plan', 'a.yaml', '--nosuch'],
      ['run', 'a.yaml', '--verify', 'thoroughly'],
      ['copy', '--source', 'shop'],
      ['run', 'a.yaml', '--retries', 'many'],
      ['run', 'a.yaml', '--cursor', 'id', '--incremental-key', 'id'],
    ]
    const ended = await several(wrong)
    const lines = ended.map((one) => {
      expect(one).toMatchObject({ code: 2, stdout: '' })
      return calmLine(one, 'USAGE')
    })
    expect(lines[0]).toContain("unknown command 'rnu' (Did you mean run?)")
    expect(lines[1]).toContain("missing required argument 'pipeline'")
    expect(lines[3]).toContain("unknown option '--nosuch'")
    expect(lines[4]).toContain("option '--verify <kind>' is invalid. Allowed choices are none, count, checksum")
    expect(lines[5]).toContain("required option '--source-table <table>' not specified")
    expect(lines[6]).toContain('--retries is a number from 0 to 99')
    expect(lines[7]).toContain('cannot be used with')
  })

  it('shows the help where a command is missing: to people on stderr, in an envelope with --json', async () => {
    const [none, group, json] = await several([[], ['config'], ['--json']])
    for (const one of [none, group]) {
      expect(one).toMatchObject({ code: 2, stdout: '' })
      expect(one!.stderr).toMatch(/^Usage: airlock/)
    }
    expect(json!.code).toBe(2)
    expect(envelope(json!)).toMatchObject({ ok: false, error: { code: 'USAGE', exit_code: 2 } })
  })

  it('refuses a secret on the command line, whatever its shape, without repeating it', async () => {
    const secret = canary()
    const refused = [
      ['check', `mysql://reader:${secret}@db.example/shop`],
      ['run', 'a.yaml', '--config', `postgres://:${secret}@db.example`],
      ['check', `--password=${secret}`],
      ['check', '--password', secret],
      ['check', `api-token=${secret}`],
      ['check', `jdbc:mysql://db.example/shop?user=reader&password=${secret}`],
      ['check', `host=db.example user=reader password=${secret}`],
      ['--json', 'check', '--db-api-key', secret],
    ]
    const canaries = new Canaries({ secret, host: 'db.example' })
    for (const ended of await several(refused)) {
      expect(ended.code).toBe(2)
      expect(canaries.in(ended.text)).toEqual([])
      if (ended.stdout === '') calmLine(ended, 'SECRET_ON_ARGV')
      else expect(envelope(ended)).toMatchObject({ ok: false, error: { code: 'SECRET_ON_ARGV' } })
      expect(ended.text).toContain('${env:NAME}')
    }
  })

  it('does not repeat what may be a secret in the wrong place', async () => {
    const secret = canary('', 'x')
    const wrong = [
      [secret],
      ['check', `-p${secret}`],
      ['check', `--nosuch=${secret}`],
      ['run', 'a.yaml', '--verify', secret],
      ['run', 'a.yaml', '--verify', `it's '${secret}'`],
      ['plan', `/home/${secret}/a.yaml`, '--config', `/home/${secret}/airlock.yaml/`],
    ]
    for (const ended of await several(wrong)) {
      expect(ended.code).toBe(2)
      calmLine(ended, ended.stderr.includes('CONFIG_NOT_FOUND') ? 'CONFIG_NOT_FOUND' : 'USAGE')
      if (!ended.stderr.includes('CONFIG_NOT_FOUND')) expect(new Canaries({ secret }).in(ended.text)).toEqual([])
    }
  })
})

describe('airlock mask', { timeout: 60_000 }, () => {
  it('hides the secrets of variables, of files and of the rules, and says how often with --stats', async () => {
    const cwd = await folder()
    const [inVariable, inFile, inUrl] = [canary('p@', '/ß'), canary('"', '%'), canary()]
    await writeFile(join(cwd, 'secret.txt'), `${inFile}\n`, { mode: 0o600 })
    const input = [
      `plain ${inVariable} text`,
      `percent ${encodeURIComponent(inVariable)} base64 ${Buffer.from(`x${inVariable}`).toString('base64')}`,
      `json ${JSON.stringify({ note: inFile })}`,
      `url mysql://u:${inUrl}@h/d`,
      'untouched: 1,234 rows in 5 s',
    ].join('\n')
    const ended = await airlock(['mask', '--secret-env', 'HIDE', '--secret-file', 'secret.txt', '--stats'], {
      cwd,
      env: { HIDE: inVariable },
      input,
    })
    expect(ended.code).toBe(0)
    expect(new Canaries({ inVariable, inFile, inUrl }).in(ended.text)).toEqual([])
    expect(ended.stdout.split('\n').at(-1)).toBe('untouched: 1,234 rows in 5 s')
    expect(ended.stdout).toMatch(/^plain \*\*\* text$/m)
    expect(ended.stderr).toMatch(/^[\w.-]+: \d+$/m)
  })

  it('refuses a variable that is not set and a file that others can read', async () => {
    const cwd = await folder()
    const secret = canary()
    await writeFile(join(cwd, `${secret}.txt`), secret, { mode: 0o644 })
    const [unset, open] = await Promise.all([
      airlock(['mask', '--secret-env', 'NOT_SET'], { cwd, input: secret }),
      airlock(['mask', '--secret-file', `${secret}.txt`], { cwd, input: secret }),
    ])
    for (const [ended, code] of [[unset, 'SECRET_UNRESOLVED'] as const, [open, 'SECRET_FILE_OPEN'] as const]) {
      expect(ended).toMatchObject({ code: 2, stdout: '' })
      calmLine(ended, code)
      expect(new Canaries({ secret }).in(ended.text)).toEqual([])
    }
  })

  it('ends calmly when its reader has left, as head does', async () => {
    const { child, ended } = start(['mask'], { input: 'many lines\n'.repeat(200_000) })
    child.stdout.once('data', () => child.stdout.destroy())
    expect(await ended).toMatchObject({ code: 0, signal: null, stderr: '' })
  })
})
