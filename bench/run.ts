/** Measures Airlock beside its peers on real servers and prints ratios. docs/performance.md says how to read them. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeCopyFile } from './data/copy-file.js'
import type { DataSet } from './data/data-set.js'
import { runRounds } from './measure/rounds.js'
import { type BenchOptions, parseOptions, USAGE } from './options.js'
import { findPrograms } from './programs.js'
import { judgeGoals } from './report/goals.js'
import { machineFacts } from './report/machine.js'
import type { DataSetResult } from './report/result.js'
import { dataSetTable, goalTable, runLine } from './report/tables.js'
import { mysqlToPostgres } from './routes/mysql-to-postgres.js'
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
  const servers = await Servers.start(workplace)
  try {
    const machine = machineFacts(ROOT, options.bin, workplace.programs, servers)
    console.error(JSON.stringify(machine, null, 2))
    const results: DataSetResult[] = []
    for (const dataSet of options.dataSets) {
      const result = await measureDataSet(dataSet, options, workplace, servers)
      results.push(result)
      console.log(`${dataSetTable(result)}\n`)
      // After each data set, so that a run which is ended early leaves what it has.
      await save(options.out, { machine, settings: Servers.settings, options: plain(options), results })
    }
    const goals = judgeGoals(results)
    if (goals.length > 0) console.log(`${goalTable(goals, options.scale)}\n`)
    console.error(`Raw figures: ${options.out}`)
    // A goal that is missed is news, a target that differs is a fault.
    if (results.some(({ runs }) => runs.some(({ verdict }) => verdict !== 'ok'))) process.exitCode = 1
  } finally {
    await servers.stop()
  }
}

/** Generates and loads one data set, measures all cases on it, and removes it everywhere. */
async function measureDataSet(
  dataSet: DataSet,
  options: BenchOptions,
  workplace: Workplace,
  servers: Servers,
): Promise<DataSetResult> {
  const rows = Math.max(1, Math.round(dataSet.rows * options.scale))
  const path = join(workplace.directory, `${dataSet.name}.copy`)
  const file = await writeCopyFile(path, dataSet, rows, options.seed)
  console.error(`${dataSet.name}: ${rows} rows, ${file.bytes} bytes generated`)
  try {
    await servers.mysql.load(dataSet, file)
    await servers.postgres.loadReference(dataSet, file)
    const setting = { dataSet, file, servers, workplace }
    const wanted = mysqlToPostgres(options.bin)
      .filter(({ name }) => options.cases?.includes(name) ?? true)
      .filter(({ kind }) => kind !== 'peer' || dataSet.withoutPeers !== true)
    const left = wanted.flatMap((one) => {
      const reason = one.missing(setting)
      return reason === undefined ? [] : [{ name: one.name, reason }]
    })
    const cases = wanted.filter(({ name }) => left.every((one) => one.name !== name))
    const runs = await runRounds(cases, setting, {
      ...options,
      report: (run) => console.error(runLine(dataSet.name, run)),
    })
    return {
      dataSet: dataSet.name,
      title: dataSet.title,
      rows,
      bytes: file.bytes,
      reference: await servers.postgres.fingerprint('reference', dataSet, undefined),
      cases: cases.map(({ name, kind, summary }) => ({ name, kind, summary })),
      left,
      runs,
    }
  } finally {
    await servers.mysql.drop(dataSet)
    await servers.postgres.drop(dataSet)
    await rm(path)
  }
}

function plain(options: BenchOptions): Record<string, unknown> {
  return { ...options, dataSets: options.dataSets.map(({ name }) => name), bin: undefined, out: undefined }
}

async function save(path: string, report: Record<string, unknown>): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, `${JSON.stringify({ date: new Date().toISOString(), ...report }, null, 2)}\n`)
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
})
