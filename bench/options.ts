import { parseArgs } from 'node:util'
import { DATA_SETS } from './data/catalog.js'
import type { DataSet } from './data/data-set.js'

/** What one run of the benchmarks measures. */
export interface BenchOptions {
  readonly dataSets: readonly DataSet[]
  /** Factor on the rows of every data set. */
  readonly scale: number
  readonly rounds: number
  /** Of the generated data and of the order of the cases. */
  readonly seed: number
  /** Names of cases; undefined for all. */
  readonly cases: readonly string[] | undefined
  /** Whether the target tables have a primary key; all cases alike. */
  readonly primaryKey: boolean
  readonly bin: string
  readonly out: string
}

export const USAGE = `Usage: npm run bench -- [options]
  --data-sets d1,d2   of ${DATA_SETS.map(({ name }) => name).join(', ')} (all)
  --scale 0.05        factor on the rows of every data set (1)
  --rounds 5          rounds, each with every case once in shuffled order (3)
  --cases a,b         only these cases (all)
  --seed 7            of the data and of the order (1)
  --primary-key       give the target tables a primary key (none)
  --bin FILE          the airlock to measure (dist/cli/bin.js)
  --out FILE          raw figures as JSON (bench/out/<time>.json)`

/** Reads the command line; undefined when help is asked for. Throws an Error for an unknown option or value. */
export function parseOptions(argv: readonly string[], root: string): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      'data-sets': { type: 'string' },
      scale: { type: 'string', default: '1' },
      rounds: { type: 'string', default: '3' },
      cases: { type: 'string' },
      seed: { type: 'string', default: '1' },
      'primary-key': { type: 'boolean', default: false },
      bin: { type: 'string', default: `${root}/dist/cli/bin.js` },
      out: { type: 'string', default: `${root}/bench/out/${new Date().toISOString().replace(/[:.]/g, '-')}.json` },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  return {
    dataSets: values['data-sets']?.split(',').map(dataSetNamed) ?? DATA_SETS,
    scale: positive('scale', values.scale),
    rounds: Math.ceil(positive('rounds', values.rounds)),
    seed: Math.ceil(positive('seed', values.seed)),
    cases: values.cases?.split(','),
    primaryKey: values['primary-key'],
    bin: values.bin,
    out: values.out,
  }
}

function dataSetNamed(name: string): DataSet {
  const found = DATA_SETS.find((dataSet) => dataSet.name === name)
  if (found === undefined) throw new Error(`no data set ${name}`)
  return found
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (!(value > 0 && Number.isFinite(value))) throw new Error(`--${name} must be a number above 0`)
  return value
}
