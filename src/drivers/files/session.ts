import { constants } from 'node:fs'
import { access, type FileHandle, readdir } from 'node:fs/promises'
import type { Batch, Column } from '../../core/batch.js'
import type {
  Catalog,
  DiscoverRequest,
  Extraction,
  ExtractRequest,
  Privileges,
  Session,
  SourceDescription,
  WriteOutline,
  WritePlan,
  WriteReceipt,
} from '../../core/driver.js'
import type { FilesConfig } from './config.js'
import { discoverFiles } from './discovery.js'
import { describeFile, extractFile, type FileOpener } from './read/extractor.js'
import type { OpenFile } from './read/file-shape.js'
import { type FoundFile, findFile, Root } from './root.js'
import { fileNames } from './table-file.js'
import { findTarget, outlineTarget } from './write/target.js'
import { writeRows } from './write/writer.js'

/** A folder that can be read. Owns every handle that is opened for reading, so that none outlives it. */
export class FilesSession implements Session, FileOpener {
  #root: Root
  #config: FilesConfig
  #handles = new Set<FileHandle>()

  private constructor(root: Root, config: FilesConfig) {
    this.#root = root
    this.#config = config
  }

  static async open(config: FilesConfig): Promise<FilesSession> {
    const session = new FilesSession(await Root.open(config.root), config)
    await session.ping()
    return session
  }

  describe(request: ExtractRequest, signal: AbortSignal): Promise<SourceDescription> {
    return describeFile(this, this.#config, request, signal)
  }

  extract(request: ExtractRequest, signal: AbortSignal): Extraction {
    return extractFile(this, this.#config, request, signal)
  }

  async outline(plan: WritePlan, columns: readonly Column[], signal: AbortSignal): Promise<WriteOutline> {
    const target = await findTarget(this.#root, this.#config, plan, columns, signal)
    return outlineTarget(target, plan, this.#config)
  }

  write(plan: WritePlan, batches: AsyncIterable<Batch>, signal: AbortSignal): Promise<WriteReceipt> {
    return writeRows({ root: this.#root, config: this.#config, plan, signal }, batches)
  }

  discover(request: DiscoverRequest, signal: AbortSignal): Promise<Catalog> {
    return discoverFiles(this.#root, this, this.#config, request, signal)
  }

  async ping(): Promise<void> {
    await readdir(this.#root.path)
  }

  async privileges(): Promise<Privileges> {
    const canWrite = await access(this.#root.path, constants.W_OK).then(
      () => true,
      () => false,
    )
    return { superuser: false, canWrite }
  }

  async reset(): Promise<void> {
    // Nothing is kept between two operations.
  }

  async close(): Promise<void> {
    const handles = [...this.#handles]
    this.#handles.clear()
    await Promise.all(handles.map((handle) => handle.close()))
  }

  async openTable(table: string): Promise<OpenFile & AsyncDisposable> {
    return await this.openFound(await findFile(this.#root, fileNames(table, this.#config)))
  }

  async openFound(found: FoundFile): Promise<OpenFile & AsyncDisposable> {
    const handle = await this.#root.read(found)
    this.#handles.add(handle)
    return {
      name: found.name,
      handle,
      size: (await handle.stat()).size,
      [Symbol.asyncDispose]: async () => {
        if (this.#handles.delete(handle)) await handle.close()
      },
    }
  }
}
