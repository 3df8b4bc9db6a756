import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { type CallToolResult, Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { onTestFinished } from 'vitest'
import { type AuditRecord, readAuditLog } from '../../src/sinks/index.js'

/** Both eras of the protocol. */
export const ERAS = [
  ['2025', 'legacy'],
  ['2026', { pin: '2026-07-28' }],
] as const

export type Era = (typeof ERAS)[number][1]

/** What a server's environment has where a test says nothing else. */
export const BARE = { PATH: process.env['PATH'] ?? '', HOME: tmpdir() }

/** A folder with airlock.yaml and the secrets of its connections in a file of their own. */
export interface Place extends AsyncDisposable {
  readonly folder: string
  write(name: string, content: string): Promise<string>
  records(): Promise<AuditRecord[]>
}

/** `file` is airlock.yaml; `secrets` go into its `env_file`. */
export async function place(
  file: Readonly<Record<string, unknown>>,
  secrets: Readonly<Record<string, string>> = {},
): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'airlock-mcp-'))
  const made: Place = {
    folder,
    async write(name, content) {
      await writeFile(join(folder, name), content, { mode: 0o600 })
      return join(folder, name)
    },
    async records() {
      const records: AuditRecord[] = []
      await readAuditLog(join(folder, '.airlock', 'audit'), (record) => records.push(record))
      return records
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  }
  const lines = Object.entries({ NOTHING: 'here', ...secrets }).map(([name, value]) => `${name}='${value}'`)
  await made.write('secrets.env', `${lines.join('\n')}\n`)
  await made.write('airlock.yaml', JSON.stringify({ env_file: 'secrets.env', ...file }))
  return made
}

/** A client of the SDK that speaks one era. */
export function newClient(era: Era): Client {
  return new Client({ name: 'airlock-test', version: '1.0.0' }, { versionNegotiation: { mode: era } })
}

export interface StdioClient {
  readonly client: Client
  readonly pid: number
  readonly stderr: () => string
}

/** A client with a server of its own over stdio; both are gone when the test ends. */
export async function overStdio(
  bin: string,
  folder: string,
  era: Era,
  options: {
    readonly env?: Readonly<Record<string, string>>
    readonly args?: readonly string[]
    readonly nodeArgs?: readonly string[]
  } = {},
): Promise<StdioClient> {
  const client = newClient(era)
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [...(options.nodeArgs ?? []), bin, 'mcp', ...(options.args ?? [])],
    cwd: folder,
    env: { ...BARE, ...options.env },
    stderr: 'pipe',
  })
  let stderr = ''
  transport.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  onTestFinished(() => client.close())
  await client.connect(transport)
  return { client, pid: transport.pid!, stderr: () => stderr }
}

export interface HttpServer {
  readonly url: string
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly ended: Promise<number | null>
  readonly output: () => string
}

/** A server over HTTP on a free port, which is killed should the test end before it. */
export async function httpServer(
  bin: string,
  folder: string,
  options: { readonly env?: Readonly<Record<string, string>>; readonly args?: readonly string[] } = {},
): Promise<HttpServer> {
  const child = spawn(process.execPath, [bin, 'mcp', '--http', '0', ...(options.args ?? [])], {
    cwd: folder,
    env: { ...BARE, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const url = await new Promise<string>((resolve, reject) => {
    const take = (chunk: Buffer) => {
      output += chunk.toString()
      const found = /listening on (\S+)/.exec(output)?.[1]
      if (found !== undefined) resolve(found)
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.once('close', () => reject(new Error(output)))
  })
  return { url, child, ended, output: () => output }
}

/** A client of a server over HTTP. */
export async function overHttp(url: string, era: Era, token?: string): Promise<Client> {
  const client = newClient(era)
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  onTestFinished(() => client.close())
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }))
  return client
}

export interface Called {
  readonly ok: boolean
  readonly text: string
  /** Structured content of a good answer. */
  readonly data: Record<string, unknown>
  /** Of a bad one. */
  readonly error: Record<string, unknown>
  readonly raw: CallToolResult
}

/** Calls a tool and takes its answer apart. */
export async function call(
  client: Client,
  name: string,
  args: Readonly<Record<string, unknown>> = {},
  options: { readonly signal?: AbortSignal; readonly timeout?: number } = {},
): Promise<Called> {
  const raw = (await client.callTool(
    { name, arguments: { ...args } },
    { timeout: 120_000, ...options },
  )) as unknown as CallToolResult
  const [first] = raw.content
  const text = first?.type === 'text' ? first.text : ''
  const ok = raw.isError !== true
  const error = ok ? {} : (JSON.parse(text) as { error: Record<string, unknown> }).error
  return { ok, text, error, data: (raw.structuredContent ?? {}) as Record<string, unknown>, raw }
}

/** The text of a resource. */
export async function readText(client: Client, uri: string): Promise<string> {
  const { contents } = await client.readResource({ uri })
  const [only] = contents
  if (contents.length !== 1 || only === undefined || !('text' in only)) throw new Error('not one text')
  if (only.uri !== uri) throw new Error(`asked for ${uri}, got ${only.uri}`)
  return only.text
}

/** What a process of this machine has in `/proc`: `environ` and `cmdline`, with newlines for their NULs. */
export async function proc(pid: number, what: 'environ' | 'cmdline' | 'maps'): Promise<string> {
  return (await readFile(`/proc/${pid}/${what}`, 'utf8')).replaceAll('\0', '\n')
}
