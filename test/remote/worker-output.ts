import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { createMasker, type Masker } from '../../src/masking/index.js'
import { type CollectOptions, collectArtifacts } from '../../src/remote/collect-artifacts.js'
import type { PortLimits } from '../../src/remote/e2b-sandbox-port.js'
import type { WorkerManifest } from '../../src/remote/protocol.js'
import type { E2BServer } from '../../src/testing/index.js'
import { live, quick, sandboxOn, Told } from './e2b.js'

export const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')
export const OURS = { run: 'r1', job: 'j1', attempt: 1 }

export type Contents = Readonly<Record<string, string | Buffer>>

export const FILES: Contents = {
  'report.json': JSON.stringify({ streams: [1] }),
  'data/a.csv': Buffer.from('id,name\n1,ä\n'.repeat(30_000)),
  'data/deep/b.bin': Buffer.from(Array.from({ length: 100_000 }, (_, n) => (n * 7) % 256)),
  'data/empty': '',
}

/** What a worker has left in a sandbox. */
export interface Left {
  readonly digest: string
  readonly manifest: WorkerManifest
}

/** Leaves files and a manifest as a worker does; `change` makes them disagree. */
export async function leave(
  server: E2BServer,
  id: string,
  contents: Contents = FILES,
  change: (manifest: WorkerManifest) => unknown = (manifest) => manifest,
): Promise<Left> {
  const { directory } = server.sandboxes().find((one) => one.id === id)!
  const out = join(directory, 'home/user/airlock/out')
  for (const [path, content] of Object.entries(contents)) {
    await mkdir(dirname(join(out, path)), { recursive: true })
    await writeFile(join(out, path), content)
  }
  const manifest: WorkerManifest = {
    v: 1,
    ...OURS,
    status: 'ok',
    node: '20.9.0',
    files: Object.entries(contents).map(([path, content]) => ({
      path,
      size: Buffer.byteLength(content),
      sha256: sha256(content),
      kind: path === 'report.json' ? 'report' : 'data',
    })),
  }
  const text = JSON.stringify(change(manifest))
  await mkdir(out, { recursive: true })
  await writeFile(join(out, 'manifest.json'), text)
  await writeFile(join(out, 'events.jsonl'), '{}\n')
  return { digest: sha256(text), manifest }
}

/** A folder of this machine that is removed with the test. */
export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'airlock-collect-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Every file below a folder with its content. */
export async function contentsOf(folder: string): Promise<Record<string, Buffer>> {
  const found: Record<string, Buffer> = {}
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue
    const path = join(entry.parentPath, entry.name)
    found[path.slice(folder.length + 1)] = await readFile(path)
  }
  return found
}

/** A sandbox with output, and what it takes to collect it. */
export async function setUp(
  server: E2BServer,
  contents: Contents = FILES,
  change?: (manifest: WorkerManifest) => unknown,
  masker: Masker = createMasker(),
  limits: Partial<PortLimits> = {},
) {
  const { port, id } = await sandboxOn(server, limits)
  const left = await leave(server, id, contents, change)
  const folder = join(await newFolder(), 'job')
  const events = new Told()
  const retries = quick()
  const options: CollectOptions = {
    ...{ port, sandbox: id, ...OURS, manifestDigest: left.digest, folder, events, signal: live(), ...retries },
    searchSecrets: () => masker.search(),
  }
  const collect = (changes: Partial<CollectOptions> = {}) => collectArtifacts({ ...options, ...changes })
  return { port, id, folder, events, left, collect, waits: retries.waits }
}
