import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Secret } from '../../src/masking/index.js'
import { deploymentId } from '../../src/remote/deployment-id.js'
import { Workspace } from '../../src/run/workspace.js'

const KEY = 'e2b_0123456789abcdef0123'

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'airlock-remote-'))
  onTestFinished(() => rm(made, { recursive: true, force: true }))
  return made
}

async function workspace(e2b: unknown, env: Record<string, string> = { E2B_KEY: KEY }): Promise<Workspace> {
  const cwd = await folder()
  // JSON is YAML.
  const file = { connections: {}, ...(e2b === undefined ? {} : { remote: { e2b } }) }
  await writeFile(join(cwd, 'airlock.yaml'), JSON.stringify(file))
  const opened = await Workspace.open({ cwd, env })
  onTestFinished(() => opened.close())
  return opened
}

const failure = async (e2b: unknown, env?: Record<string, string>) => {
  try {
    await (await workspace(e2b, env)).remoteSettings()
    return 'none'
  } catch (error) {
    return `${(error as { code: string }).code} ${(error as Error).message}`
  }
}

describe('remote.e2b', () => {
  it('needs a key, and knows the rest', async () => {
    const settings = await (await workspace({ api_key: '${env:E2B_KEY}' })).remoteSettings()
    const { api_key: key, ...rest } = settings
    expect(key).toBeInstanceOf(Secret)
    expect(key.reveal()).toBe(KEY)
    expect(rest).toEqual({
      domain: 'e2b.app',
      template: 'base',
      cpu: 2,
      memory_mb: 512,
      time_limit_minutes: 60,
      lease_seconds: 180,
      concurrent: 20,
      creations_per_second: 1,
      header_injection: false,
      allow: [],
    })
  })

  it('takes all of its keys, numbers from variables too', async () => {
    const written = {
      api_key: '${env:E2B_KEY}',
      domain: 'sandboxes.example.com',
      api_url: 'https://api.example.com:8443',
      sandbox_url: 'http://127.0.0.1:4000',
      template: 'team/node-22:v3',
      cpu: '${env:CPU}',
      memory_mb: 2048,
      time_limit_minutes: 0.5,
      lease_seconds: 120,
      deployment: 'ci-1',
      concurrent: 100,
      creations_per_second: 5,
      max_cost_usd: 2.5,
      header_injection: true,
      allow: ['192.0.2.0/24', '198.51.100.7', 'api.example.com', '*.example.org'],
    }
    const settings = await (await workspace(written, { E2B_KEY: KEY, CPU: '4' })).remoteSettings()
    expect(settings).toMatchObject({ ...written, cpu: 4, api_key: expect.any(Secret) })
  })

  it('resolves its key when it is used, not before, and masks it from then on', async () => {
    const opened = await workspace({ api_key: '${env:E2B_KEY}' })
    const isKnown = () => opened.masker.search().write(Buffer.from(KEY))
    expect(isKnown()).toBe(false)
    await opened.remoteSettings()
    expect(isKnown()).toBe(true)
    // A configuration whose key is not there is good for everything else.
    expect((await workspace({ api_key: '${env:NOT_SET}' })).config.connectionNames).toEqual([])
  })

  const refused: readonly (readonly [written: object | undefined, expected: RegExp])[] = [
    [undefined, /^CONFIG_INVALID .*remote\.e2b/],
    [{}, /^CONFIG_INVALID .*api_key/],
    [{ api_key: KEY }, /^SECRET_LITERAL .*remote\.e2b\.api_key/],
    [{ api_key: '${env:NOT_SET}' }, /^SECRET_UNRESOLVED .*remote\.e2b\.api_key/],
    [{ api_key: '${env:E2B_KEY}', templat: 'x' }, /^CONFIG_UNKNOWN_KEY .*remote\.e2b\.templat.*template/],
    ...(
      [
        ['domain', 'https://e2b.app'],
        ['domain', 'user:pass@e2b.app'],
        ['api_url', 'http://api.example.com'],
        ['api_url', 'https://user:pass@api.example.com'],
        ['api_url', 'https://api.example.com/path'],
        ['sandbox_url', 'ftp://x'],
        ['template', '../x'],
        ['cpu', 0],
        ['lease_seconds', 5],
        ['deployment', 'a b'],
        ['concurrent', 0],
        ['creations_per_second', 0],
        ['max_cost_usd', -1],
        ['allow', ['0.0.0.0/0 ; rm']],
        ['allow', ['http://x']],
      ] as const
    ).map(([key, value]) => [{ api_key: '${env:E2B_KEY}', [key]: value }, /^CONFIG_INVALID .*remote\.e2b\./] as const),
  ]
  it.each(refused)('is refused: %j', async (written, expected) => {
    const said = await failure(written)
    expect(said).toMatch(expected)
    expect(said).not.toMatch(/pass@|0123456789/)
  })

  it('names no platform that is not known', async () => {
    const cwd = await folder()
    await writeFile(join(cwd, 'airlock.yaml'), 'connections: {}\nremote: { e3b: {} }\n')
    await expect(Workspace.open({ cwd, env: {} })).rejects.toMatchObject({ code: 'CONFIG_UNKNOWN_KEY' })
  })
})

describe('the id of a deployment', () => {
  it('is made once for a home, kept for its owner only, and another for another home', async () => {
    const home = join(await folder(), 'home')
    const ids = await Promise.all(Array.from({ length: 8 }, () => deploymentId(home)))
    expect(new Set(ids).size).toBe(1)
    expect(ids[0]).toMatch(/^[0-9a-f]{16}$/)
    expect(await deploymentId(home)).toBe(ids[0])
    expect((await stat(join(home, 'deployment-id'))).mode & 0o777).toBe(0o600)
    expect(await readFile(join(home, 'deployment-id'), 'utf8')).toBe(`${ids[0]}\n`)
    expect(await deploymentId(await folder())).not.toBe(ids[0])
  })

  it('that was damaged is an error, not another id', async () => {
    const home = await folder()
    await mkdir(home, { recursive: true })
    await writeFile(join(home, 'deployment-id'), 'x y')
    await chmod(join(home, 'deployment-id'), 0o600)
    await expect(deploymentId(home)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })
})
