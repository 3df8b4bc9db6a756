import { rmdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Batch, Column } from '../../../core/batch.js'
import { atMost, unlessAborted } from '../../../core/bounded.js'
import type { WritePlan, WriteReceipt } from '../../../core/driver.js'
import { abortError } from '../../../core/errors-at-boundary.js'
import { RowChecksums } from '../../../core/row-checksums.js'
import { AirlockError } from '../../../errors/index.js'
import { decompressed } from '../compression.js'
import type { FilesConfig } from '../config.js'
import { invalidFile } from '../errors.js'
import { filesPolicies } from '../policies.js'
import { fileChunks } from '../read/file-chunks.js'
import { delimiterOf } from '../read/file-shape.js'
import type { Root } from '../root.js'
import { fileNames, stemOf } from '../table-file.js'
import { CsvEncoder } from './csv-encoder.js'
import { FileLock } from './file-lock.js'
import { JsonEncoder } from './json-encoder.js'
import { readBack } from './read-back.js'
import { RecordCounter } from './record-counter.js'
import type { RowEncoder } from './row-encoder.js'
import { type FileRights, StagedFile } from './staged-file.js'
import { findTarget, openExisting, type WriteTarget } from './target.js'

/** How long a source may take to end its statement after the write has failed. */
const RETURN_MS = 2000

/** Everything that one write works with. */
interface Write {
  readonly root: Root
  readonly config: FilesConfig
  readonly plan: WritePlan
  readonly signal: AbortSignal
}

/** Writes all batches into a temporary file that takes the target's place when everything is in it, counted and on the disk.
 * On any failure, a kill or a power cut the target is what it was. */
export async function writeRows(write: Write, batches: AsyncIterable<Batch>): Promise<WriteReceipt> {
  const { config, signal } = write
  if (config.read_only) throw new AirlockError('READ_ONLY', { phase: 'write' })
  const source = batches[Symbol.asyncIterator]()
  try {
    const first = await nextOf(source, signal)
    if (first === undefined) throw new AirlockError('PROTOCOL_ERROR', { phase: 'write' })
    return await locked(write, first.columns, (target, folder) => load(write, target, folder, first, source))
  } finally {
    // The source has to hear of a failure here, or its statement would go on.
    if (source.return !== undefined) await atMost(RETURN_MS, source.return())
  }
}

/** Runs `work` as the only writer of the target. Folders that were created for a write that failed are removed. */
async function locked(
  { root, config, plan, signal }: Write,
  columns: readonly Column[],
  work: (target: WriteTarget, folder: string) => Promise<WriteReceipt>,
): Promise<WriteReceipt> {
  // Which of several extensions it is may change until the lock is held: the lock is on the name without one.
  const [first] = fileNames(plan.table, config)
  await using folder = await root.prepare(first!)
  let failed = true
  try {
    const lock = await FileLock.acquire(folder.path, stemOf(first!), config.lock_timeout_ms, signal)
    try {
      const target = await findTarget(root, config, plan, columns, signal)
      await StagedFile.sweep(folder.path, target.name.base)
      const receipt = await work(target, folder.path)
      failed = false
      return receipt
    } finally {
      await lock.release()
    }
  } finally {
    if (failed && folder.created !== undefined) await removeFolders(folder.named, folder.created)
  }
}

/** Removes empty folders from the inner to the outer one. */
async function removeFolders(inner: string, outer: string): Promise<void> {
  for (let at = inner; at.startsWith(outer); at = dirname(at)) {
    const done = await rmdir(at).then(() => true, inUse)
    if (!done) return
  }
}

function inUse(): false {
  // Somebody else has written something in it meanwhile.
  return false
}

async function load(
  write: Write,
  target: WriteTarget,
  folder: string,
  first: Batch,
  rest: AsyncIterator<Batch>,
): Promise<WriteReceipt> {
  const { plan, config, signal } = write
  const { base } = target.name
  const staged = await StagedFile.create(folder, base, target.name.compression)
  let committed = false
  try {
    const receipt = await fill(write, target, staged, first, rest)
    await plan.beforeCommit?.(receipt)
    if (signal.aborted) throw abortError(signal, 'write')
    await staged.commit(base, rightsOf(target, config))
    committed = true
    return receipt
  } catch (error) {
    // What may have happened weighs more: the file may be in its place already.
    committed = error instanceof AirlockError && error.code === 'OUTCOME_UNKNOWN'
    throw error
  } finally {
    if (!committed) await staged.abandon()
  }
}

async function fill(
  write: Write,
  target: WriteTarget,
  staged: StagedFile,
  first: Batch,
  rest: AsyncIterator<Batch>,
): Promise<WriteReceipt> {
  const { plan, config, signal } = write
  const counter = new RecordCounter({ quotes: target.name.format !== 'jsonl' })
  const before = await keepRows(write, target, staged, counter)
  const frames: Buffer[] = []
  const encoder = encoderOf(write, target, (frame) => frames.push(frame))
  const sent = plan.checksum === true ? new RowChecksums(first.columns) : undefined
  const isNew = counter.bytes === 0
  if (isNew && config.header) encoder.header()
  encoder.flush()
  await store(staged, counter, encoder, frames)
  const prefix = { bytes: counter.bytes, records: counter.records }
  for (let batch: Batch | undefined = first; batch !== undefined; batch = await nextOf(rest, signal)) {
    // A source that never waits would be read to its end before an abort is seen.
    if (signal.aborted) throw abortError(signal, 'write')
    sent?.add(batch)
    encoder.encode(batch)
    batch.release?.()
    await store(staged, counter, encoder, frames)
  }
  encoder.flush()
  await store(staged, counter, encoder, frames)
  await staged.finish()
  const counted = counter.records - prefix.records
  if (counted !== encoder.rowsSent || (target.name.compression === 'none' && staged.size !== counter.bytes)) {
    const problem = `${encoder.rowsSent} sent, ${counted} in the file`
    throw new AirlockError('COUNT_MISMATCH', { phase: 'verify', params: { problem } })
  }
  refuseLoss(plan, before, counted)
  const checksums = sent?.digest()
  if (checksums !== undefined) {
    const back = await readBack({ staged, target, config, plan, skip: prefix.bytes, columns: first.columns, signal })
    const [differing] = RowChecksums.differing(checksums, back)
    if (differing !== undefined)
      throw new AirlockError('CHECKSUM_MISMATCH', { phase: 'verify', params: { at: differing } })
  }
  return {
    rowsSent: encoder.rowsSent,
    rowsConfirmed: counted,
    rowsCounted: counted,
    ...(checksums === undefined ? {} : { checksums }),
    bytesSent: encoder.bytesSent,
    created: target.existing === undefined,
    route: plan.mode === 'append' && !isNew ? 'copied' : 'renamed',
    policyCounts: encoder.policyCounts,
  }
}

/** For an append the rows that are there go first; for a limit on deleted rows they are counted. Gives their number. */
async function keepRows(
  { root, config, plan, signal }: Write,
  target: WriteTarget,
  staged: StagedFile,
  counter: RecordCounter,
): Promise<number> {
  const { existing } = target
  const append = plan.mode === 'append'
  if (existing === undefined || (!append && plan.maxDeleteRatio === undefined)) return 0
  const found = append ? counter : new RecordCounter({ quotes: target.name.format !== 'jsonl' })
  await using file = await openExisting(root, existing)
  const bytes = fileChunks(file.handle, { size: file.size, signal, fresh: file.name.compression !== 'none' })
  for await (const chunk of decompressed(bytes, file.name.compression)) {
    found.add(chunk)
    if (append) await staged.write(chunk)
  }
  if (found.torn) throw invalidFile(0, 'its last row has a quote that is not closed', 'write')
  if (append && !found.closed && found.bytes > 0) {
    const newline = Buffer.from('\n')
    found.add(newline)
    await staged.write(newline)
  }
  const header = config.header && target.name.format !== 'jsonl' ? 1 : 0
  return Math.max(0, found.records - header)
}

function refuseLoss({ mode, maxDeleteRatio }: WritePlan, before: number, after: number): void {
  if (mode !== 'replace' || maxDeleteRatio === undefined || before === 0) return
  const lost = Math.max(0, before - after)
  if (lost / before <= maxDeleteRatio) return
  const problem = `${lost} of ${before} rows`
  throw new AirlockError('DELETE_LIMIT', { phase: 'write', params: { problem } })
}

async function store(staged: StagedFile, counter: RecordCounter, encoder: RowEncoder, frames: Buffer[]): Promise<void> {
  for (const frame of frames.splice(0)) {
    counter.add(frame)
    await staged.write(frame)
    encoder.recycle(frame)
  }
}

function encoderOf({ plan, config }: Write, target: WriteTarget, emit: (frame: Buffer) => void): RowEncoder {
  const options = { columns: target.columns, config, policies: filesPolicies(plan.policies), emit }
  if (target.name.format === 'jsonl') return new JsonEncoder(options)
  return new CsvEncoder({ ...options, delimiter: delimiterOf(target.name, config) })
}

/** Those of the file that is replaced; a new one is for its owner alone. */
function rightsOf({ existing }: WriteTarget, { mode }: FilesConfig): FileRights {
  const stats = existing?.stats
  const foreign = stats !== undefined && process.getuid?.() === 0 && stats.uid !== 0
  return {
    mode: mode === undefined ? (stats === undefined ? 0o600 : stats.mode & 0o777) : Number.parseInt(mode, 8),
    owner: foreign ? { uid: stats.uid, gid: stats.gid } : undefined,
  }
}

async function nextOf(source: AsyncIterator<Batch>, signal: AbortSignal): Promise<Batch | undefined> {
  const next = await unlessAborted(
    signal,
    source.next(),
    () => undefined,
    () => abortError(signal, 'write'),
  )
  return next.done === true ? undefined : next.value
}
