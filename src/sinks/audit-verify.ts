import { createPublicKey, KeyObject } from 'node:crypto'
import { closeSync, constants, openSync, readdirSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { AirlockError } from '../errors/index.js'
import { type AuditGap, type AuditProblem, ChainChecker, type ChainKeys } from './audit-chain-checker.js'
import type { AuditAnchor } from './audit-checkpointer.js'
import { AUDIT_DEFAULTS } from './audit-options.js'
import { type LockBinding, loadLockBinding } from './directory-lock.js'
import { errnoOf } from './errno.js'
import { readLines } from './line-reader.js'
import { containedPath, NO_FOLLOW } from './private-files.js'
import { parseSegmentName } from './segment-store.js'

/** What verification may use. Without `key` only logs of mode `sha256` can be checked. */
export interface VerifyOptions {
  /** The secret of mode `hmac`, or the seed of mode `sealed`. */
  readonly key?: Uint8Array
  /** Ed25519 public key of the checkpoints, as KeyObject or PEM. */
  readonly publicKey?: KeyObject | string
  /** Checkpoints that were kept outside the log: each must be in it. They show a tail that was cut off. */
  readonly anchors?: readonly AuditAnchor[]
  readonly maxLineBytes?: number
}

export interface VerifiedSegment {
  readonly name: string
  readonly lines: number
  readonly bytes: number
}

/** The result of a verification. `ok` means that no problem was found; `problems` names each with its segment, its line
 * (1 is the first) and why, the first 1000 of `problemCount`. */
export interface AuditVerification {
  readonly ok: boolean
  readonly records: number
  readonly segments: readonly VerifiedSegment[]
  /** Missing sequence numbers, both ends included. */
  readonly gaps: readonly AuditGap[]
  readonly problems: readonly AuditProblem[]
  readonly problemCount: number
  /** The last record, null for an empty log. */
  readonly head: { readonly seq: number; readonly h: string } | null
  readonly checkpoints: { readonly valid: number; readonly invalid: number; readonly unchecked: number }
  readonly anchors: { readonly matched: number; readonly failed: number }
  /** Number of the last record that the log's owner retired, -1 where the log has its beginning. */
  readonly retiredThrough: number
}

interface Found {
  readonly name: string
  readonly chain: string
  readonly number: number
  readonly size: number
}

/** Verifies the audit log in a directory, byte by byte, in bounded memory, beside running writers. Throws
 * AUDIT_UNAVAILABLE when the directory cannot be read; everything wrong with the log itself is a problem in the result. */
export async function verifyAuditLog(dir: string, options: VerifyOptions): Promise<AuditVerification> {
  const keys = chainKeys(options)
  try {
    const found = await listSegments(dir, await loadLockBinding())
    const checkers = new Map<string, ChainChecker>()
    const segments: VerifiedSegment[] = []
    const maxLine = options.maxLineBytes ?? 4 * AUDIT_DEFAULTS.maxLineBytes
    for (const segment of found) {
      const checker = checkers.get(segment.chain) ?? new ChainChecker(segment.chain, keys)
      checkers.set(segment.chain, checker)
      checker.startSegment(segment.name, segment.number)
      const torn = await readLines(containedPath(dir, segment.name), segment.size, maxLine, (line, whole) => {
        checker.checkLine(line, whole)
      })
      segments.push({ name: segment.name, lines: checker.endSegment(torn), bytes: segment.size })
    }
    for (const checker of checkers.values()) checker.finish()
    // Anchors do not name a chain: with several writers' own chains each anchor must be met in one of them.
    return summarise([...checkers.values()], segments, keys)
  } catch (error) {
    if (error instanceof AirlockError) throw error
    const origin = errnoOf(error)
    throw new AirlockError('AUDIT_UNAVAILABLE', { phase: 'audit', ...(origin === undefined ? {} : { origin }) })
  }
}

function summarise(
  checkers: readonly ChainChecker[],
  segments: readonly VerifiedSegment[],
  keys: ChainKeys,
): AuditVerification {
  const met = new Set(checkers.flatMap((checker) => [...checker.metAnchors]))
  const retiredThrough = Math.max(-1, ...checkers.map((checker) => checker.retiredThrough))
  const missing = keys.anchors.filter((anchor) => !met.has(anchor) && anchor.seq > retiredThrough)
  const problems = checkers.flatMap((checker) => checker.problems)
  for (const anchor of missing) {
    problems.push({
      segment: segments.at(-1)?.name ?? '',
      line: null,
      seq: anchor.seq,
      reason: 'anchor_missing',
      detail: `record ${anchor.seq} was signed and is not in the log as it was`,
    })
  }
  const sum = (count: (checker: ChainChecker) => number): number =>
    checkers.reduce((total, checker) => total + count(checker), 0)
  const problemCount = sum((checker) => checker.problemCount) + missing.length
  return {
    ok: problemCount === 0,
    records: sum((checker) => checker.records),
    segments,
    gaps: checkers.flatMap((checker) => checker.gaps),
    problems,
    problemCount,
    head: checkers.at(-1)?.head ?? null,
    checkpoints: {
      valid: sum((checker) => checker.checkpoints.valid),
      invalid: sum((checker) => checker.checkpoints.invalid),
      unchecked: sum((checker) => checker.checkpoints.unchecked),
    },
    anchors: { matched: met.size, failed: missing.length },
    retiredThrough,
  }
}

/** Names and sizes at one moment: taken under the lock, so no writer is in the middle of a line. */
async function listSegments(dir: string, binding: LockBinding | null): Promise<Found[]> {
  const release = binding === null ? undefined : await lockShared(dir, binding)
  try {
    return readdirSync(dir)
      .flatMap((name) => {
        const parsed = parseSegmentName(name)
        if (parsed === undefined || !parsed.chain.startsWith('audit')) return []
        return [{ name, ...parsed, size: statSync(containedPath(dir, name)).size }]
      })
      .sort((a, b) => (a.chain === b.chain ? a.number - b.number : a.chain < b.chain ? -1 : 1))
  } finally {
    release?.()
  }
}

/** A copy of a log has no lock file, and nobody writes to it. */
async function lockShared(dir: string, binding: LockBinding): Promise<(() => void) | undefined> {
  let fd: number
  try {
    fd = openSync(containedPath(dir, '.lock'), constants.O_RDONLY | NO_FOLLOW)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'EACCES') return undefined
    throw error
  }
  const deadline = performance.now() + AUDIT_DEFAULTS.lockTimeoutMs
  while (!binding.tryLock(fd, { shared: true })) {
    if (performance.now() > deadline) {
      closeSync(fd)
      throw new AirlockError('AUDIT_UNAVAILABLE', { phase: 'audit', origin: 'ETIMEDOUT' })
    }
    await sleep(1)
  }
  return () => closeSync(fd)
}

function chainKeys(options: VerifyOptions): ChainKeys {
  return {
    key: options.key,
    publicKey: options.publicKey === undefined ? undefined : publicKeyOf(options.publicKey),
    anchors: options.anchors ?? [],
  }
}

function publicKeyOf(key: KeyObject | string): KeyObject {
  try {
    return key instanceof KeyObject && key.type === 'public' ? key : createPublicKey(key)
  } catch {
    const params = { at: 'audit.public_key', problem: 'an Ed25519 public key is needed' }
    throw new AirlockError('CONFIG_INVALID', { phase: 'audit', params })
  }
}
