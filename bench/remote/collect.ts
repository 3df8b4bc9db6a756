/** Collects the files of a worker from a local sandbox, verified byte by byte, and prints the speed and the memory that it
 * took. The server runs in a process of its own. Built first, since a loader takes memory too:
 * `npx esbuild bench/remote/collect.ts --bundle --splitting --packages=external --platform=node --format=esm --target=node20 --outdir=bench/out/collect`
 * and then `node bench/out/collect/collect.js [megabytes] [files] [width]`. */
import { type ChildProcess, fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createMasker, Secret } from '../../src/masking/index.js'
import { collectArtifacts } from '../../src/remote/collect-artifacts.js'
import { E2BSandboxPort } from '../../src/remote/e2b-sandbox-port.js'
import type { WorkerManifest } from '../../src/remote/protocol.js'

const MB = 1024 * 1024
const IDS = { run: 'bench', job: 'j1', attempt: 1 }

interface Asked {
  readonly sandbox: string
  readonly megabytes: number
  readonly count: number
}

/** In the process of the server: leaves the files when it is asked to. */
async function serve(): Promise<void> {
  const { startE2BServer } = await import('../../src/testing/index.js')
  const server = await startE2BServer()
  process.on('message', async ({ sandbox, megabytes, count }: Asked) => {
    const { directory } = server.sandboxes().find(({ id }) => id === sandbox)!
    const out = join(directory, 'home/user/airlock/out')
    await mkdir(join(out, 'data'), { recursive: true })
    const files: WorkerManifest['files'] = []
    for (let n = 0; n < count; n++) files.push(await writeRows(out, `data/rows-${n}.csv`, (megabytes * MB) / count))
    const manifest: WorkerManifest = { v: 1, ...IDS, status: 'ok', node: '20.9.0', files }
    const text = JSON.stringify(manifest)
    await writeFile(join(out, 'manifest.json'), text)
    process.send!({ digest: createHash('sha256').update(text).digest('hex') })
  })
  process.once('disconnect', () => void server.close())
  process.send!({ apiUrl: server.apiUrl, sandboxUrl: server.sandboxUrl, apiKey: server.apiKey })
}

async function writeRows(out: string, path: string, bytes: number): Promise<WorkerManifest['files'][number]> {
  const hash = createHash('sha256')
  const handle = await open(join(out, path), 'w')
  let size = 0
  for (let row = 0; size < bytes; ) {
    const rows: string[] = []
    for (let n = 0; n < 10_000; n++, row++) {
      rows.push(`${row},user${row}@example.com,2026-11-${(row % 28) + 1},${row * 37}.25,"some text, of row ${row}"`)
    }
    const chunk = Buffer.from(`${rows.join('\n')}\n`)
    hash.update(chunk)
    await handle.write(chunk)
    size += chunk.length
  }
  await handle.close()
  return { path, size, sha256: hash.digest('hex'), kind: 'data' }
}

async function measure(): Promise<void> {
  const [megabytes = 1024, count = 4, width = 4] = process.argv.slice(2).map(Number)
  const child = fork(fileURLToPath(import.meta.url), ['serve'], { execArgv: process.execArgv, env: process.env })
  const { apiUrl, sandboxUrl, apiKey } = await heard<Record<'apiUrl' | 'sandboxUrl' | 'apiKey', string>>(child)
  const connection = { apiKey: new Secret(apiKey, 'api_key'), domain: 'x.invalid', apiUrl, sandboxUrl }
  const port = new E2BSandboxPort({ connection, variables: {} })
  const folder = await mkdtemp(join(tmpdir(), 'airlock-bench-'))
  try {
    const signal = new AbortController().signal
    const { id } = await port.create(
      { template: 'base', metadata: {}, ttlSeconds: 3600, network: { allowOut: [] } },
      signal,
    )
    child.send({ sandbox: id, megabytes, count } satisfies Asked)
    const { digest } = await heard<{ digest: string }>(child)
    const secrets = Array.from({ length: 20 }, (_, n) => createHash('sha256').update(`secret ${n}`).digest('base64'))
    const masker = createMasker({ secrets })
    const problems: string[] = []
    let rss = 0
    const before = process.memoryUsage.rss()
    const timer = setInterval(() => {
      rss = Math.max(rss, process.memoryUsage.rss())
    }, 20)
    const used = process.cpuUsage()
    const started = performance.now()
    const { files, missing } = await collectArtifacts({
      ...{ port, sandbox: id, ...IDS, manifestDigest: digest, folder, signal, width },
      searchSecrets: () => masker.search(),
      events: { emit: (event, fields) => event !== 'artifact.collected' && problems.push(`${event} ${fields?.class}`) },
    })
    const seconds = (performance.now() - started) / 1000
    clearInterval(timer)
    const { user, system } = process.cpuUsage(used)
    const bytes = files.reduce((sum, { size }) => sum + size, 0)
    const speed = (bytes / 1e6 / seconds).toFixed(0)
    console.log(`${files.length} files, ${(bytes / 1e6).toFixed(0)} MB in ${seconds.toFixed(2)} s: ${speed} MB/s`)
    console.log(`CPU of this process ${((user + system) / 1e6).toFixed(2)} s`)
    console.log(`peak RSS ${(rss / MB).toFixed(0)} MiB (before: ${(before / MB).toFixed(0)} MiB)`)
    console.log(`missing ${missing.length}; events: ${problems.join(', ') || 'none'}`)
    await port.kill(id, signal)
  } finally {
    await port.close()
    child.disconnect()
    await rm(folder, { recursive: true, force: true })
  }
}

async function heard<T>(child: ChildProcess): Promise<T> {
  const [message] = (await once(child, 'message')) as [T]
  return message
}

await (process.argv[2] === 'serve' ? serve() : measure())
