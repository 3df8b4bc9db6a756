import { createHash } from 'node:crypto'
import { lstat, readFile } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { type WorkerSpec, workerSpec } from '../protocol.js'
import { digestFile } from './digest-file.js'

/** The spec of a worker, and the digest of the file that it is in. */
export interface ReadSpec {
  readonly spec: WorkerSpec
  readonly sha256: string
}

/** Reads what this worker is to do but for its secrets; undefined for a file that is no spec of this protocol. */
export async function readSpec(path: string): Promise<ReadSpec | undefined> {
  const bytes = await readFile(path)
  const parsed = workerSpec.safeParse(jsonOf(bytes.toString('utf8')))
  if (!parsed.success) return undefined
  return { spec: parsed.data, sha256: createHash('sha256').update(bytes).digest('hex') }
}

/** Whether every input is there as the spec says: a regular file below the folder, with its size and digest. */
export async function hasInputs(folder: string, inputs: WorkerSpec['inputs']): Promise<boolean> {
  for (const { path, size, sha256 } of inputs) {
    if (!isPlain(path)) return false
    const file = join(folder, path)
    const stats = await lstat(file).catch(missing)
    if (stats?.isFile() !== true || stats.size !== size) return false
    if ((await digestFile(file)).sha256 !== sha256) return false
  }
  return true
}

/** A relative path that stays below its folder. */
function isPlain(path: string): boolean {
  if (isAbsolute(path) || /[\0\\]/.test(path)) return false
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // the schema refuses it
  }
}

/** For `lstat`: an input that cannot be looked at is not there. */
function missing(): undefined {
  return undefined
}
