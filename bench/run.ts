/** Measures Airlock beside its peers on real servers and prints ratios. docs/performance.md says how to read them. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runRounds } from './measure/rounds.js'
import { type BenchOptions, type ChosenRoute, parseOptions, USAGE } from './options.js'
import { findPrograms } from './programs.js'
import { judgeGoals } from './report/goals.js'
import { machineFacts } from './report/machine.js'
import type { DataSetResult } from './report/result.js'
import { dataSetTable, goalTable, runLine } from './report/tables.js'
import type { StagePlan } from './routes/route.js'
import { Servers } from './servers.js'
import type { Workplace } from './workplace.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2), ROOT)
  if (options === undefined) {
    console.log(USAGE)
    return
  }
  const ending = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => ending.abort())
  const directory = await mkdtemp(join(tmpdir(), 'airlock-bench-'))
  const workplace: Workplace = { directory, programs: findPrograms(), signal: ending.signal }
  try {
    await measure(options, workplace)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function measure(options: BenchOptions, workplace: Workplace): Promise<void> {
  const servers = await Servers.start(workplace, {
    postgresSource: options.routes.some(({ route }) => route.readsPostgres === true),
    tls: options.routes.some(({ cases }) => cases.some(({ tls }) => tls === true)),
  })
  try {
    const machine = machineFacts(ROOT, options.bin, workplace.programs, servers)
    console.error(JSON.stringify(machine, null, 2))
    const results: DataSetResult[] = []
    for (const chosen of options.routes) {
      if (options.routes.length > 1) console.log(`## ${chosen.route.name}\n`)
      for (const plan of chosen.stages) {
        const result = await measureStage(plan, chosen, options, workplace, servers)
        results.push(result)
        console.log(`${dataSetTable(result)}\n`)
        // After each data set, so that a run which is ended early leaves what it has.
        await save(options.out, { machine, settings: Servers.settings, options: plain(options), results })
      }
    }
    const goals = judgeGoals(results)
    if (goals.length > 0) console.log(`${goalTable(goals, options.scale)}\n`)
    await save(options.out, { machine, settings: Servers.settings, options: plain(options), results, goals })
    console.error(`Raw figures: ${options.out}`)
    // A goal that is missed is news, a target that differs is a fault.
    if (results.some(({ runs }) => runs.some(({ verdict }) => verdict !== 'ok'))) process.exitCode = 1
  } finally {
    await servers.stop()
  }
}

/** Generates and loads the data of one stage, measures all cases on it, and removes it everywhere. */
async function measureStage(
  plan: StagePlan,
  { route, cases: chosen }: ChosenRoute,
  options: BenchOptions,
  workplace: Workplace,
  servers: Servers,
): Promise<DataSetResult> {
  const { dataSet } = plan
  const stage = await plan.lay(servers, workplace, options)
  console.error(`${plan.name}: ${stage.file.rows} rows, ${stage.file.bytes} bytes generated`)
  try {
    const wanted = chosen.filter(({ kind }) => kind !== 'peer' || dataSet.withoutPeers !== true)
    const left = wanted.flatMap((one) => {
      const reason = one.missing({ dataSet, workplace })
      return reason === undefined ? [] : [{ name: one.name, reason }]
    })
    const cases = wanted.filter(({ name }) => left.every((one) => one.name !== name))
    const runs = await runRounds(
      cases,
      { stage, dataSet, servers, workplace },
      { ...options, report: (run) => console.error(runLine(plan.name, run)) },
    )
    return {
      route: route.name,
      dataSet: plan.name,
      title: plan.title,
      rows: stage.file.rows,
      bytes: stage.file.bytes,
      leastSeconds: stage.leastSeconds,
      cpuNames: [route.sourceName, route.targetName],
      cases: cases.map(({ name, kind, summary }) => ({ name, kind, summary })),
      left,
      runs,
    }
  } finally {
    await stage.clear()
  }
}

function plain(options: BenchOptions): Record<string, unknown> {
  const routes = options.routes.map(({ route, stages, cases }) => ({
    route: route.name,
    dataSets: stages.map(({ name }) => name),
    cases: cases.map(({ name }) => name),
  }))
  return { ...options, routes, bin: undefined, out: undefined }
}

async function save(path: string, report: Record<string, unknown>): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, `${JSON.stringify({ date: new Date().toISOString(), ...report }, null, 2)}\n`)
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
})
