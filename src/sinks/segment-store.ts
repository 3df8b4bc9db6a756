import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { containedPath, type FilesPort, preparePrivateDirectory, syncDirectory } from './private-files.js'
import { Segment } from './segment.js'

/** What was moved out of the way when a torn tail was cut: the record of it goes into the log. */
export interface Quarantined {
  readonly segment: string
  readonly offset: number
  readonly bytes: number
  readonly sha256: string
  readonly file: string
}

const DIGITS = 8
const QUARANTINE = 'quarantine'

/** The numbered line files `<chain>-00000001.jsonl`, `<chain>-00000002.jsonl`, … of one directory. Call everything
 * under the directory's lock. */
export class SegmentStore {
  readonly dir: string
  readonly chain: string
  readonly #files: FilesPort

  constructor(dir: string, chain: string, files: FilesPort) {
    this.dir = dir
    this.chain = chain
    this.#files = files
  }

  /** The highest number in use, 0 when there is no segment. */
  latest(): number {
    return Math.max(0, ...this.numbers())
  }

  /** The numbers in use, ascending. */
  numbers(): number[] {
    return readdirSync(this.dir)
      .map(parseSegmentName)
      .filter((parsed) => parsed?.chain === this.chain)
      .map((parsed) => parsed!.number)
      .sort((a, b) => a - b)
  }

  exists(number: number): boolean {
    return statSync(this.path(number), { throwIfNoEntry: false }) !== undefined
  }

  name(number: number): string {
    return `${this.chain}-${String(number).padStart(DIGITS, '0')}.jsonl`
  }

  path(number: number): string {
    return containedPath(this.dir, this.name(number))
  }

  async open(number: number): Promise<Segment> {
    const path = this.path(number)
    return new Segment(number, path, await this.#files.open(path, 'existing'))
  }

  /** Creates the segment and makes its name durable. */
  async create(number: number): Promise<Segment> {
    const path = this.path(number)
    const file = await this.#files.open(path, 'new')
    try {
      await syncDirectory(this.dir)
    } catch (error) {
      await file.close()
      throw error
    }
    return new Segment(number, path, file)
  }

  /** Copies torn bytes to the quarantine, durably, and only then cuts them off the segment. */
  async quarantine(segment: Segment, torn: Buffer, goodSize: number): Promise<Quarantined> {
    const dir = await preparePrivateDirectory(join(this.dir, QUARANTINE))
    const name = `${this.name(segment.number)}.${goodSize}.${randomBytes(4).toString('hex')}.torn`
    const copy = new Segment(0, containedPath(dir, name), await this.#files.open(containedPath(dir, name), 'new'))
    try {
      await copy.append(torn)
      await copy.sync()
    } finally {
      await copy.close()
    }
    await syncDirectory(dir)
    await segment.truncate(goodSize)
    const sha256 = createHash('sha256').update(torn).digest('hex')
    return { segment: this.name(segment.number), offset: goodSize, bytes: torn.length, sha256, file: name }
  }
}

/** Chain and number of a segment's file name, or undefined for any other name. */
export function parseSegmentName(name: string): { readonly chain: string; readonly number: number } | undefined {
  const match = /^([a-z]+(?:-[0-9a-f]{12})?)-(\d{8,15})\.jsonl$/.exec(name)
  return match === null ? undefined : { chain: match[1]!, number: Number(match[2]) }
}
