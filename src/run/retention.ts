import { lstat, readdir, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AirlockError } from '../errors/index.js'
import { AuditLog, planRetirement, type RetentionRule, type RetirementPlan } from '../sinks/index.js'
import type { Workspace } from './workspace.js'

/** A kind of files under `home`, by the word that configuration calls it. */
export type RetentionArea = 'audit' | 'telemetry' | 'debug' | 'runs' | 'cache' | 'memory'

/** What of `home` is no longer kept. Files are named as they are under `home`. */
export interface RetentionPlan {
  readonly files: readonly { readonly area: RetentionArea; readonly file: string; readonly bytes: number }[]
  readonly bytes: number
  /** The part that the audit log removes itself. */
  readonly audit: RetirementPlan | undefined
}

interface AreaSpec {
  /** Folder under `home`. */
  readonly folder: string
  /** Files of this area; everything else in the folder is left alone. */
  readonly pattern: RegExp
  /** The latest file is being written to. */
  readonly keepsLatest: boolean
  /** Folders in the folder are looked into too. */
  readonly nested: boolean
}

const AREAS: Readonly<Record<Exclude<RetentionArea, 'audit'>, AreaSpec>> = {
  telemetry: { folder: 'telemetry', pattern: /^events-\d{8,15}\.jsonl$/, keepsLatest: true, nested: false },
  debug: { folder: 'debug', pattern: /^debug-\d{8,15}\.jsonl$/, keepsLatest: true, nested: false },
  // A report is written when its run has ended, so none of them belongs to one that is under way.
  runs: { folder: 'runs', pattern: /^\d{8}T\d{6}Z?-[0-9a-f]{6}\.json$/, keepsLatest: false, nested: false },
  // Generations (`.gen`) stay: without them a value that was invalidated could come alive again.
  cache: { folder: 'cache', pattern: /^[0-9a-f]{64}\.json$/, keepsLatest: false, nested: true },
  // Each in the folder of its session.
  memory: { folder: 'memory', pattern: /^[0-9a-f]{24}\.json$/, keepsLatest: false, nested: true },
}

interface Found {
  readonly name: string
  readonly path: string
  readonly bytes: number
  readonly changedMs: number
}

/** Works out what the rules of the configuration no longer keep: first what is too old, then, the oldest first, what is
 * too much. Removes nothing. Files whose names are not ours, links, and files in use are never part of it. */
export async function planRetention(workspace: Workspace): Promise<RetentionPlan> {
  const { home, retention } = workspace.config
  const files: { readonly area: RetentionArea; readonly file: string; readonly bytes: number }[] = []
  for (const [area, spec] of Object.entries(AREAS) as [Exclude<RetentionArea, 'audit'>, AreaSpec][]) {
    const rule = ruleOf(retention[area])
    const found = await filesOf(join(home, spec.folder), spec)
    const candidates = spec.keepsLatest ? found.slice(0, -1) : found
    const total = found.reduce((sum, { bytes }) => sum + bytes, 0)
    for (const { name, bytes } of tooMany(candidates, total, rule)) {
      files.push({ area, file: join(spec.folder, name), bytes })
    }
  }
  const audit = await auditPlan(workspace)
  for (const segment of audit?.segments ?? []) files.push({ area: 'audit', file: join('audit', segment), bytes: 0 })
  const bytes = files.reduce((sum, file) => sum + file.bytes, audit?.bytes ?? 0)
  return { files, bytes, audit }
}

/** Removes what was planned. A file that has become something else in the meantime is left alone. */
export async function applyRetention(workspace: Workspace, plan: RetentionPlan): Promise<void> {
  const { home } = workspace.config
  await workspace.audited('retention', { files: plan.files.length, bytes: plan.bytes }, async () => {
    for (const { area, file } of plan.files) {
      if (area === 'audit') continue
      const path = join(home, file)
      const found = await lstat(path).catch(goneAlready)
      if (found?.isFile() === true && (await isInside(home, path))) await rm(path, { force: true })
    }
  })
  if (plan.audit === undefined || workspace.auditDir === undefined) return
  await using log = await AuditLog.open({ dir: workspace.auditDir, masker: workspace.masker })
  await log.retire(plan.audit)
}

async function auditPlan(workspace: Workspace): Promise<RetirementPlan | undefined> {
  const dir = workspace.auditDir
  const rule = ruleOf(workspace.config.retention.audit)
  if (dir === undefined || (await realFolder(dir)) === undefined) return undefined
  return await planRetirement(dir, rule)
}

function ruleOf(written: {
  readonly max_age_days?: number | undefined
  readonly max_mb?: number | undefined
}): RetentionRule {
  const { max_age_days: days, max_mb: mb } = written
  return {
    maxAgeMs: days === undefined ? undefined : days * 86_400_000,
    maxBytes: mb === undefined ? undefined : mb * 2 ** 20,
  }
}

function tooMany(oldestFirst: readonly Found[], total: number, rule: RetentionRule): readonly Found[] {
  let left = total
  return oldestFirst.filter(({ bytes, changedMs }) => {
    const tooOld = rule.maxAgeMs !== undefined && Date.now() - changedMs > rule.maxAgeMs
    const tooMuch = rule.maxBytes !== undefined && left > rule.maxBytes
    if (tooOld || tooMuch) left -= bytes
    return tooOld || tooMuch
  })
}

/** The files of an area, the oldest first. */
async function filesOf(folder: string, spec: AreaSpec, under = ''): Promise<readonly Found[]> {
  if ((await realFolder(folder)) === undefined) return []
  const found: Found[] = []
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory() && spec.nested) found.push(...(await filesOf(path, { ...spec, nested: false }, entry.name)))
    if (!entry.isFile() || !spec.pattern.test(entry.name)) continue
    const stats = await lstat(path).catch(goneAlready)
    if (stats?.isFile() !== true) continue
    found.push({ name: join(under, entry.name), path, bytes: stats.size, changedMs: stats.mtimeMs })
  }
  return found.sort((a, b) => a.changedMs - b.changedMs || (a.name < b.name ? -1 : 1))
}

/** The folder's own path where it is a folder and no link to one. */
async function realFolder(folder: string): Promise<string | undefined> {
  const stats = await lstat(folder).catch(goneAlready)
  return stats?.isDirectory() === true ? await realpath(folder) : undefined
}

/** Whether no folder on the way leads out of `home`. */
async function isInside(home: string, path: string): Promise<boolean> {
  const [real, root] = [await realpath(path).catch(goneAlready), await realpath(home)]
  return real?.startsWith(`${root}/`) === true
}

function goneAlready(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
  throw new AirlockError('INTERNAL', { phase: 'run' })
}
