import { mkdir } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchCase, CaseSetting } from '../cases/bench-case.js'
import { Random } from '../data/random.js'
import type { Fingerprint } from '../ends/postgres-end.js'
import { type CommandCost, runCommand } from './run-command.js'

/** How long a server's sessions may take to end after their client, so that their CPU time is counted. */
const SETTLE_MS = 150

/** Whether a run did what it should: `ok`, or the reason why its figures do not count. */
export type Verdict = 'ok' | 'DIFFERS' | 'FAILED'

/** One run of one case. */
export interface CaseRun extends CommandCost {
  readonly caseName: string
  readonly round: number
  readonly sourceCpuSeconds: number
  readonly targetCpuSeconds: number
  /** Load average of the last minute when it started: what others did on the machine. */
  readonly load: number
  readonly fingerprint: Fingerprint
  readonly verdict: Verdict
}

export interface RoundsOptions {
  readonly rounds: number
  readonly seed: number
  readonly primaryKey: boolean
  readonly report: (run: CaseRun) => void
}

/** Runs every case once a round, in an order that is shuffled anew for each round, and compares what each left in the
 * target table with the reference. Ratios are meant to be taken within a round, where the machine's mood is shared. */
export async function runRounds(
  cases: readonly BenchCase[],
  setting: Omit<CaseSetting, 'directory'>,
  options: RoundsOptions,
): Promise<CaseRun[]> {
  const random = new Random(options.seed)
  const runs: CaseRun[] = []
  const references = new References(setting)
  for (let round = 1; round <= options.rounds; round++) {
    for (const benchCase of random.shuffle([...cases])) {
      const run = await runCase(benchCase, setting, round, options, references)
      options.report(run)
      runs.push(run)
    }
  }
  return runs
}

async function runCase(
  benchCase: BenchCase,
  setting: Omit<CaseSetting, 'directory'>,
  round: number,
  options: RoundsOptions,
  references: References,
): Promise<CaseRun> {
  const { dataSet, servers, workplace } = setting
  const { mysql, postgres } = servers
  const directory = join(workplace.directory, benchCase.name)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const command = await benchCase.prepare({ ...setting, directory })
  await postgres.createTarget(dataSet, options.primaryKey)
  const [load = 0] = loadavg()
  const sourceBefore = mysql.cpuSeconds
  const targetBefore = postgres.cpuSeconds
  const cost = await runCommand(command, { directory, time: workplace.programs.time, signal: workplace.signal })
  await sleep(SETTLE_MS)
  const sourceCpuSeconds = mysql.cpuSeconds - sourceBefore
  const targetCpuSeconds = postgres.cpuSeconds - targetBefore
  const maskedColumn = benchCase.masks ? dataSet.maskedColumn : undefined
  const fingerprint = await postgres.fingerprint(dataSet.name, dataSet, maskedColumn)
  const same = isSame(fingerprint, await references.get(maskedColumn))
  return {
    ...cost,
    caseName: benchCase.name,
    round,
    sourceCpuSeconds,
    targetCpuSeconds,
    load,
    fingerprint,
    verdict: cost.exitCode !== 0 ? 'FAILED' : same ? 'ok' : 'DIFFERS',
  }
}

/** Equal in all columns that were not masked; in the masked one, NULL where the reference has NULL, one value for each
 * of its values, and none of them left as it was. */
function isSame(found: Fingerprint, reference: Fingerprint): boolean {
  if (found.rows !== reference.rows || found.sum !== reference.sum) return false
  if (found.masked === undefined) return true
  const { nulls, distinct, unmasked } = found.masked
  return nulls === reference.masked?.nulls && distinct === reference.masked.distinct && unmasked === 0
}

/** Fingerprints of the reference table, each computed once. */
class References {
  readonly #setting: Omit<CaseSetting, 'directory'>
  readonly #known = new Map<string | undefined, Fingerprint>()

  constructor(setting: Omit<CaseSetting, 'directory'>) {
    this.#setting = setting
  }

  async get(maskedColumn: string | undefined): Promise<Fingerprint> {
    const { dataSet, servers } = this.#setting
    const known =
      this.#known.get(maskedColumn) ?? (await servers.postgres.fingerprint('reference', dataSet, maskedColumn))
    this.#known.set(maskedColumn, known)
    return known
  }
}
