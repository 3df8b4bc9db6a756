import { mkdir } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchCase } from '../cases/bench-case.js'
import type { DataSet } from '../data/data-set.js'
import { Random } from '../data/random.js'
import { type Fingerprint, isSame } from '../ends/end.js'
import type { Stage } from '../routes/route.js'
import type { Servers } from '../servers.js'
import type { Workplace } from '../workplace.js'
import { type LoopDelay, takeLoopDelay } from './loop-delay.js'
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
  /** Of programs that run in Node. */
  readonly loopDelay: LoopDelay | undefined
  /** Load average of the last minute when it started: what others did on the machine. */
  readonly load: number
  readonly fingerprint: Fingerprint
  readonly verdict: Verdict
}

/** What the cases of a stage run with. */
export interface RoundsSetting {
  readonly stage: Stage
  readonly dataSet: DataSet
  readonly servers: Servers
  readonly workplace: Workplace
}

export interface RoundsOptions {
  readonly rounds: number
  readonly seed: number
  readonly report: (run: CaseRun) => void
}

/** Runs every case once a round, in an order that is shuffled anew for each round, and compares what each left in the
 * target table with what it has to leave. Ratios are meant to be taken within a round, where the machine's mood is
 * shared. */
export async function runRounds(
  cases: readonly BenchCase[],
  setting: RoundsSetting,
  options: RoundsOptions,
): Promise<CaseRun[]> {
  const random = new Random(options.seed)
  const runs: CaseRun[] = []
  for (let round = 1; round <= options.rounds; round++) {
    for (const benchCase of random.shuffle([...cases])) {
      if (benchCase.once === true && round > 1) continue
      const run = await runCase(benchCase, setting, round)
      options.report(run)
      runs.push(run)
    }
  }
  return runs
}

async function runCase(benchCase: BenchCase, setting: RoundsSetting, round: number): Promise<CaseRun> {
  const { stage, dataSet, servers, workplace } = setting
  const { source, target, file } = stage
  const directory = join(workplace.directory, benchCase.name)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const command = await benchCase.prepare({ dataSet, file, source, target, servers, workplace, directory })
  await stage.freshTarget(benchCase)
  const [load = 0] = loadavg()
  const sourceBefore = source.cpuSeconds
  const targetBefore = target.cpuSeconds
  const cost = await runCommand(command, { directory, time: workplace.programs.time, signal: workplace.signal })
  await sleep(SETTLE_MS)
  const sourceCpuSeconds = source.cpuSeconds - sourceBefore
  const targetCpuSeconds = target.cpuSeconds - targetBefore
  const fingerprint = await stage.found(benchCase)
  const same = isSame(fingerprint, await stage.expected(benchCase))
  return {
    ...cost,
    caseName: benchCase.name,
    round,
    sourceCpuSeconds,
    targetCpuSeconds,
    loopDelay: await takeLoopDelay(directory),
    load,
    fingerprint,
    verdict: cost.exitCode !== 0 ? 'FAILED' : same ? 'ok' : 'DIFFERS',
  }
}
