import { spawn } from 'node:child_process'
import { describe, expect, inject, it } from 'vitest'
import { CLIENTS } from '../../src/mcp/client-snippets.js'
import { BARE, place } from './support.js'

const SLOW = { timeout: 60_000 }

describe('airlock mcp', () => {
  const run = async (folder: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const child = spawn(process.execPath, [inject('cli'), ...args], { cwd: folder, env: { ...BARE, ...env } })
    child.stdin.end()
    const texts = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].on('data', (chunk: Buffer) => {
        texts[name] += chunk.toString()
      })
    }
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
    return { code, ...texts }
  }
  const files = { connections: { files: { driver: 'files', root: '.' } } }

  it('selftest answers what a client would ask, without a database', SLOW, async () => {
    await using here = await place({
      connections: {
        shop: { driver: 'postgres', host: '127.0.0.1', port: 1, database: 'x', user: 'x', password: '${env:NONE}' },
      },
    })
    const { code, stdout } = await run(here.folder, ['mcp', 'selftest', '--json'])
    expect(code).toBe(0)
    const { data } = JSON.parse(stdout) as { data: { ok: boolean; steps: { step: string; ok: boolean }[] } }
    expect(data.ok).toBe(true)
    expect(data.steps.map(({ step }) => step)).toEqual([
      'initialize',
      'tools',
      'resources',
      'a call',
      'a child',
      'a read',
      'an unknown address',
    ])
  })

  it('says what is wrong with the configuration once, in words for the operator', SLOW, async () => {
    await using here = await place({ ...files, mcp: { max_rowz: 5 } })
    for (const args of [['mcp'], ['mcp', 'selftest']]) {
      const { code, stdout, stderr } = await run(here.folder, args)
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      expect(stderr).toMatch(/^airlock: CONFIG_UNKNOWN_KEY: .+mcp\.max_rowz .+Did you mean "max_rows"\?.+\n$/)
    }
    await here.write('airlock.yaml', JSON.stringify({ ...files, mcp: { connections: ['other'] } }))
    expect((await run(here.folder, ['mcp'])).stderr).toContain('CONNECTION_UNKNOWN')
    await here.write('airlock.yaml', JSON.stringify({ ...files, queries: { other: { mask: { a: 'redact' } } } }))
    expect((await run(here.folder, ['mcp'])).stderr).toContain('CONFIG_UNKNOWN_KEY')
  })

  it('clients prints something to paste for each, with the configuration and without a secret', SLOW, async () => {
    await using here = await place(files)
    const all = await run(here.folder, ['--config', 'airlock.yaml', 'mcp', 'clients', '--json'], {
      SHOP_PASSWORD: 'hunter2',
    })
    const { data } = JSON.parse(all.stdout) as { data: { clients: { client: string; file: string; text: string }[] } }
    expect(data.clients.map(({ client }) => client)).toEqual(CLIENTS)
    for (const { client, text } of data.clients) {
      if (client !== 'http') expect(text, client).toContain('airlock.yaml')
      if (text.startsWith('{')) JSON.parse(text)
      expect(text.replaceAll(here.folder, '')).not.toMatch(/env|hunter2|password/i)
    }
    expect((await run(here.folder, ['mcp', 'clients', 'cursor'])).stdout).toContain('"mcpServers"')
    expect((await run(here.folder, ['mcp', 'clients', 'netscape'])).code).toBe(2)
  })

  it('a server with telemetry and audit turned off keeps nothing of calls', SLOW, async () => {
    await using here = await place({ ...files, audit: { enabled: false }, telemetry: { enabled: false } })
    expect((await run(here.folder, ['mcp', 'selftest'])).code).toBe(0)
    await expect(here.records()).rejects.toThrow()
  })

  it(
    'reads the secrets of a command from env_file, before the environment has them, and from no open file',
    SLOW,
    async () => {
      await using here = await place(
        { env_file: 'secrets.env', mask_key: '${env:KEY}', ...files },
        { KEY: 'from the file' },
      )
      expect((await run(here.folder, ['config', 'check'])).code).toBe(0)
      await here.write('secrets.env', 'OTHER=1\n')
      expect(
        (await run(here.folder, ['config', 'check'])).stderr + (await run(here.folder, ['config', 'check'])).stdout,
      ).toContain('SECRET_UNRESOLVED')
      expect((await run(here.folder, ['config', 'check'], { KEY: 'from the environment' })).code).toBe(0)
      const { chmod } = await import('node:fs/promises')
      await chmod(`${here.folder}/secrets.env`, 0o644)
      expect((await run(here.folder, ['mcp', 'policy'])).stderr).toContain('SECRET_FILE_OPEN')
    },
  )
})
