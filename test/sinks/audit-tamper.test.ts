import { generateKeyPairSync } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { GENESIS, sha256Digest } from '../../src/sinks/audit-chain.js'
import { ChainChecker } from '../../src/sinks/audit-chain-checker.js'
import type { AuditAnchor } from '../../src/sinks/audit-checkpointer.js'
import { AuditLog } from '../../src/sinks/audit-log.js'
import type { AuditLogOptions } from '../../src/sinks/audit-options.js'
import { DIGEST_LENGTH, DIGEST_MARK } from '../../src/sinks/audit-record.js'
import { openLog, scratch, segmentPaths, upTo } from './support.js'

async function logOf(count: number, options: Partial<AuditLogOptions> = {}): Promise<string> {
  const dir = scratch()
  const log = await openLog(dir, { durability: 'none', ...options })
  for (const i of upTo(count)) await log.append({ type: 'row.written', op: `o${i}`, data: { rows: i } })
  await log.close()
  return dir
}

/** Replaces the lines of the first segment and verifies. */
async function afterEdit(dir: string, edit: (lines: string[]) => string[], options = {}) {
  const path = segmentPaths(dir)[0]!
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  writeFileSync(path, `${edit(lines).join('\n')}\n`)
  return await AuditLog.verify(dir, options)
}

/** Digests every line anew, as somebody can who has no key. */
function rehash(lines: readonly string[]): string[] {
  const digest = sha256Digest()
  let h = GENESIS
  return lines.map((line) => {
    const body = line.slice(0, line.length - DIGEST_LENGTH)
    h = digest(h, body)
    return `${body}${DIGEST_MARK}${h}"}`
  })
}

function flip(bytes: Buffer, bit: number): Buffer {
  const flipped = Buffer.from(bytes)
  flipped[bit >> 3]! ^= 1 << (bit & 7)
  return flipped
}

/** The number of the line that holds a bit. */
function lineOf(bytes: Buffer, bit: number): number {
  let line = 1
  for (let i = 0; i < bit >> 3; i += 1) if (bytes[i] === 10) line += 1
  return line
}

/** The lines that the checker of the verification finds wrong, without a file in between. */
function problemLines(bytes: Buffer): Set<number | null> {
  const checker = new ChainChecker('audit', { key: undefined, publicKey: undefined, anchors: [] })
  checker.startSegment('audit-00000001.jsonl', 1)
  let start = 0
  for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
    checker.checkLine(bytes.subarray(start, end), true)
    start = end + 1
  }
  checker.endSegment(bytes.length - start)
  return new Set(checker.problems.map((problem) => problem.line))
}

const found = (result: { problems: readonly { line: number | null; reason: string }[] }) =>
  result.problems.map(({ line, reason }) => `${line}:${reason}`)

describe('A8 tampering', () => {
  it('A8 every single flipped bit of a 4 KB log is found, in the line that holds it', async () => {
    const path = segmentPaths(await logOf(14))[0]!
    const original = readFileSync(path)
    expect(original.length).toBeGreaterThan(3500)
    const missed = upTo(original.length * 8).filter(
      (bit) => !problemLines(flip(original, bit)).has(lineOf(original, bit)),
    )
    expect(missed).toEqual([])
    expect(problemLines(original).size).toBe(0)
  })

  it('A8 flipped bits of the file are found by the verification of the directory', async () => {
    const dir = await logOf(14)
    const path = segmentPaths(dir)[0]!
    const original = readFileSync(path)
    for (let bit = 0; bit < original.length * 8; bit += 197) {
      writeFileSync(path, flip(original, bit))
      const { problems } = await AuditLog.verify(dir)
      expect(problems.map((problem) => problem.line)).toContain(lineOf(original, bit))
    }
  })

  it('A8 swapped, repeated, removed, added and changed lines are named', async () => {
    const swap = ([a, b, c, d, ...rest]: string[]) => [a!, c!, b!, d!, ...rest]
    expect(found(await afterEdit(await logOf(10), swap))).toEqual(['2:removed', '3:repeated'])
    const repeat = (lines: string[]) => [...lines.slice(0, 5), lines[4]!, ...lines.slice(5)]
    expect(found(await afterEdit(await logOf(10), repeat))).toEqual(['6:repeated'])
    const removed = await afterEdit(await logOf(10), (lines) => lines.toSpliced(3, 2))
    expect(found(removed)).toEqual(['4:removed'])
    expect(removed.gaps).toEqual([{ from: 3, to: 4 }])
    const add = (lines: string[]) => lines.toSpliced(3, 0, lines[3]!.replace('o3', 'xx'))
    expect(found(await afterEdit(await logOf(10), add))).toEqual(['4:changed', '5:repeated'])
    const change = (lines: string[]) => lines.with(6, lines[6]!.replace('"rows":6', '"rows":7'))
    expect(found(await afterEdit(await logOf(10), change))).toEqual(['7:changed'])
    const junk = (lines: string[]) => lines.with(2, `${lines[2]} `)
    expect(found(await afterEdit(await logOf(10), junk))).toEqual(['3:not_a_record', '4:changed'])
  })

  it('A8 two equal keys in one record are found even when the digests fit', async () => {
    const twice = (lines: string[]) => rehash(lines.with(4, lines[4]!.replace('"op":"o4"', '"op":"o4","op":"o5"')))
    expect(found(await afterEdit(await logOf(10), twice))).toEqual(['5:not_canonical'])
  })

  it('A8 an edit that is digested anew is found with a key, or with an anchor, and by neither without', async () => {
    const key = Buffer.alloc(32, 7)
    const edit = (lines: string[]) => rehash(lines.with(4, lines[4]!.replace('"rows":4', '"rows":5')))
    expect((await afterEdit(await logOf(10), edit)).ok).toBe(true)
    const keyed = await afterEdit(await logOf(10, { mode: 'hmac', key }), edit, { key })
    expect(found(keyed)).toContain('5:changed')
    const pair = generateKeyPairSync('ed25519')
    const anchors: AuditAnchor[] = []
    const dir = await logOf(10, { signingKey: pair.privateKey, onAnchor: (anchor) => anchors.push(anchor) })
    const intact = await AuditLog.verify(dir, { publicKey: pair.publicKey, anchors })
    expect(intact).toMatchObject({ ok: true, anchors: { matched: 1 }, checkpoints: { valid: 1 } })
    const signed = await afterEdit(dir, edit, { publicKey: pair.publicKey, anchors })
    expect(found(signed)).toEqual(['11:checkpoint_mismatch', 'null:anchor_missing'])
  })

  it('A8 a cut tail is found with anchors and by nothing without', async () => {
    const pair = generateKeyPairSync('ed25519')
    const anchors: AuditAnchor[] = []
    const dir = await logOf(10, { signingKey: pair.privateKey, onAnchor: (anchor) => anchors.push(anchor) })
    expect((await afterEdit(dir, (lines) => lines.slice(0, 7))).ok).toBe(true)
    const cut = await AuditLog.verify(dir, { anchors, publicKey: pair.publicKey })
    expect(found(cut)).toEqual(['null:anchor_missing'])
  })

  it('A8 a checkpoint of another key is refused', async () => {
    const [mine, other] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')]
    const dir = await logOf(10, { signingKey: other.privateKey })
    const pem = mine.publicKey.export({ type: 'spki', format: 'pem' }) as string
    expect(found(await AuditLog.verify(dir, { publicKey: pem }))).toEqual(['11:signature_invalid'])
  })

  it('A8 segments of another log, and old segments, do not fit', async () => {
    const [mine, other] = [await logOf(40, { maxSegmentBytes: 4000 }), await logOf(40, { maxSegmentBytes: 4000 })]
    expect(segmentPaths(mine).length).toBeGreaterThan(2)
    const spliced = join(scratch(), 'spliced')
    cpSync(mine, spliced, { recursive: true })
    cpSync(segmentPaths(other)[1]!, segmentPaths(spliced)[1]!)
    expect((await AuditLog.verify(spliced)).problems[0]).toMatchObject({
      segment: 'audit-00000002.jsonl',
      line: 1,
      reason: 'changed',
    })
    const replayed = join(scratch(), 'replayed')
    cpSync(mine, replayed, { recursive: true })
    cpSync(segmentPaths(mine)[1]!, segmentPaths(replayed)[2]!)
    expect((await AuditLog.verify(replayed)).problems[0]).toMatchObject({
      segment: 'audit-00000003.jsonl',
      line: 1,
      reason: 'repeated',
    })
    rmSync(segmentPaths(mine)[1]!)
    expect((await AuditLog.verify(mine)).problems.map(({ reason }) => reason)).toEqual(['segment_missing', 'removed'])
  })

  it('a keyed log cannot be verified without its key, and says so', async () => {
    const dir = await logOf(3, { mode: 'hmac', key: Buffer.alloc(32, 1) })
    expect(found(await AuditLog.verify(dir))).toEqual(['1:key_needed'])
    const wrong = await AuditLog.verify(dir, { key: Buffer.alloc(32, 2) })
    expect(found(wrong)).toEqual(['1:changed', '2:changed', '3:changed'])
    expect(found(await AuditLog.verify(await logOf(1), { key: Buffer.alloc(32, 1) }))).toEqual(['1:wrong_format'])
  })

  it('a sealed log keeps its past safe: the key on the host cannot make the digests of earlier segments', async () => {
    const seed = Buffer.alloc(32, 9)
    const dir = await logOf(40, { mode: 'sealed', key: seed, maxSegmentBytes: 4000 })
    expect(segmentPaths(dir).length).toBeGreaterThan(2)
    expect((await AuditLog.verify(dir, { key: seed })).problems).toEqual([])
    const onHost = Buffer.from(readFileSync(join(dir, '.seal'), 'latin1').trim().split(' ')[1]!, 'hex')
    expect(onHost.equals(seed)).toBe(false)
    expect((await AuditLog.verify(dir, { key: onHost })).problems[0]).toMatchObject({ line: 1, reason: 'changed' })
    const again = await openLog(dir, { mode: 'sealed', durability: 'none' })
    await again.append({ type: 'row.written' })
    expect((await AuditLog.verify(dir, { key: seed })).problems).toEqual([])
  })

  it('verification of nothing is not an error; of no directory it is', async () => {
    const dir = scratch()
    mkdirSync(join(dir, 'audit'))
    expect(await AuditLog.verify(join(dir, 'audit'))).toMatchObject({ ok: true, records: 0, head: null })
    await expect(AuditLog.verify(join(dir, 'nowhere'))).rejects.toMatchObject({ code: 'AUDIT_UNAVAILABLE' })
  })
})
