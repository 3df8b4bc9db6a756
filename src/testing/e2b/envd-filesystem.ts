import type { Stats } from 'node:fs'
import { lstat, mkdir, readdir, realpath, rename, rm, stat } from 'node:fs/promises'
import { posix } from 'node:path'
import type { Exchange } from './exchange.js'
import type { E2BPoint, FaultAt } from './faults.js'
import type { GuestPaths } from './guest-paths.js'
import { type Answer, Refusal } from './refusal.js'
import type { Sandbox } from './sandbox.js'

type Call = (exchange: Exchange, sandbox: Sandbox) => Promise<void>

/** An entry as `filesystem.proto` has it in JSON: 64-bit numbers as strings, enums by name, RFC 3339. */
interface Entry {
  readonly name: string
  readonly path: string
  readonly type: string
  readonly symlinkTarget?: string
  readonly [more: string]: unknown
}

/** The unary procedures of envd's file system, by point. */
export const FILESYSTEM_CALLS: Readonly<Partial<Record<E2BPoint, Call>>> = {
  stat: (exchange, sandbox) =>
    unary(exchange, sandbox, ['path'], async ([path = '']) => ({ entry: await entryOf(sandbox.paths, path) })),
  listDir: listDirectory,
  makeDir: (exchange, sandbox) =>
    unary(exchange, sandbox, ['path'], async ([path = '']) => ({ entry: await makeDirectory(sandbox.paths, path) })),
  move: (exchange, sandbox) =>
    unary(exchange, sandbox, ['source', 'destination'], async ([source = '', destination = '']) => ({
      entry: await move(sandbox.paths, source, destination),
    })),
  remove: (exchange, sandbox) =>
    unary(exchange, sandbox, ['path'], async ([path = '']) => {
      await rm(sandbox.paths.toHost(path), { recursive: true, force: true })
      return {}
    }),
}

/** Resolves the paths that the request names and answers with what `act` gives for them. */
async function unary(
  exchange: Exchange,
  sandbox: Sandbox,
  fields: readonly string[],
  act: (paths: readonly string[]) => Promise<object>,
): Promise<void> {
  const body = await exchange.json()
  const paths = fields.map((field) => sandbox.paths.resolve(String(body[field] ?? '')))
  await exchange.answer(async () => ok(await described(paths[0] ?? '', () => act(paths))), paths)
}

async function listDirectory(exchange: Exchange, sandbox: Sandbox): Promise<void> {
  const { path = '', depth } = await exchange.json()
  const guest = sandbox.paths.resolve(String(path))
  await (exchange as Exchange<'listDir'>).answer(
    async (fault) => {
      const entries = await described(guest, () => walk(sandbox.paths, guest, Number(depth ?? 0) || 1))
      return ok({ entries: fault === undefined ? entries : damaged(entries, guest, fault) })
    },
    [guest],
  )
}

const ok = (body: object): Answer => ({ status: 200, body })

/** Tells errors of the file system in Connect's codes. */
async function described<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    throw error instanceof Refusal ? error : Refusal.ofErrno(error, `path '${path}'`)
  }
}

/** Depth first, in the order of names, without following links but the first. */
async function walk(paths: GuestPaths, guest: string, depth: number): Promise<Entry[]> {
  const host = paths.toHost(guest)
  if (!(await stat(host)).isDirectory()) throw Refusal.rpc('invalid_argument', `path is not a directory: ${guest}`)
  const entries: Entry[] = []
  for (const name of (await readdir(host)).sort()) {
    const entry = await entryOf(paths, posix.join(guest, name))
    entries.push(entry)
    const isOwnDirectory = entry.type === 'FILE_TYPE_DIRECTORY' && entry.symlinkTarget === undefined
    if (depth > 1 && isOwnDirectory) entries.push(...(await walk(paths, entry.path, depth - 1)))
  }
  return entries
}

/** Of a link: its own size, its target, and the target's type, as envd tells it. */
async function entryOf(paths: GuestPaths, guest: string): Promise<Entry> {
  const host = paths.toHost(guest)
  const own = await lstat(host)
  const target = own.isSymbolicLink() ? await targetOf(host) : undefined
  const info = target === undefined ? own : target.info
  const isDirectory = info?.isDirectory() === true
  return {
    name: posix.basename(guest),
    type: isDirectory ? 'FILE_TYPE_DIRECTORY' : info?.isFile() === true ? 'FILE_TYPE_FILE' : 'FILE_TYPE_UNSPECIFIED',
    path: guest,
    size: String(own.size),
    mode: (info?.mode ?? 0) & 0o777,
    permissions: permissionsOf(own.isSymbolicLink() ? 'L' : isDirectory ? 'd' : '-', own.mode),
    owner: 'user',
    group: 'user',
    modifiedTime: own.mtime.toISOString(),
    ...(target === undefined ? {} : { symlinkTarget: paths.toGuest(target.path) }),
  }
}

/** Where a link leads, itself where it leads nowhere. */
async function targetOf(host: string): Promise<{ path: string; info?: Stats }> {
  try {
    return { path: await realpath(host), info: await stat(host) }
  } catch (error) {
    if (!['ENOENT', 'ELOOP', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    return { path: host }
  }
}

/** As Go writes a file mode: `-rw-r--r--`. */
function permissionsOf(kind: string, mode: number): string {
  const bits = [...'rwxrwxrwx'].map((letter, index) => ((mode >> (8 - index)) & 1 ? letter : '-'))
  return `${kind}${bits.join('')}`
}

async function makeDirectory(paths: GuestPaths, guest: string): Promise<Entry> {
  const host = paths.toHost(guest)
  const made = await mkdir(host, { recursive: true })
  if (made === undefined) throw Refusal.rpc('already_exists', `directory already exists: ${guest}`)
  return await entryOf(paths, guest)
}

async function move(paths: GuestPaths, source: string, destination: string): Promise<Entry> {
  await mkdir(paths.toHost(posix.dirname(destination)), { recursive: true })
  await rename(paths.toHost(source), paths.toHost(destination))
  return await entryOf(paths, destination)
}

function damaged(entries: readonly Entry[], guest: string, { kind, entry }: FaultAt<'listDir'>): readonly Entry[] {
  const invented = (name: string, path: string, more: object): Entry => {
    const modifiedTime = new Date(0).toISOString()
    return { name, path, type: 'FILE_TYPE_FILE', size: '7', mode: 0o644, modifiedTime, ...more }
  }
  switch (kind) {
    case 'omit':
      return entry === undefined ? entries.slice(0, -1) : entries.filter(({ name }) => name.search(entry) < 0)
    case 'add-traversal':
      return [...entries, invented('../x', `${guest}/../x`, {})]
    case 'add-symlink':
      return [
        ...entries,
        invented('link', `${guest}/link`, { type: 'FILE_TYPE_SYMLINK', symlinkTarget: '/etc/passwd' }),
      ]
    default:
      return entries
  }
}
