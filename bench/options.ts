import { parseArgs } from 'node:util'
import type { BenchCase } from './cases/bench-case.js'
import { DEFAULT_ROUTE, ROUTES } from './routes/catalog.js'
import type { Route, StageOptions, StagePlan } from './routes/route.js'

/** A route with those of its stages and cases that were asked for. */
export interface ChosenRoute {
  readonly route: Route
  readonly stages: readonly StagePlan[]
  readonly cases: readonly BenchCase[]
}

/** What one run of the benchmarks measures. The seed is that of the data and of the order of the cases; the scale is a
 * factor on all numbers of rows. */
export interface BenchOptions extends StageOptions {
  readonly routes: readonly ChosenRoute[]
  readonly rounds: number
  readonly bin: string
  readonly out: string
}

export const USAGE = `Usage: npm run bench -- [options]
  --route a,b         routes, or all (${DEFAULT_ROUTE.name})
  --data-sets d1,d2   only these data sets (all but those in brackets)
  --scale 0.05        factor on the rows of every data set (1)
  --rounds 5          rounds, each with every case once in shuffled order (3)
  --cases a,b         only these cases (all but those in brackets)
  --all-cases         also the cases in brackets
  --seed 7            of the data and of the order (1)
  --primary-key       give empty target tables a primary key (none)
  --bin FILE          the airlock to measure (dist/cli/bin.js)
  --out FILE          raw figures as JSON (bench/out/<time>.json)

${ROUTES.map(described).join('\n')}`

/** Reads the command line; undefined when help is asked for. Throws an Error for an unknown option or value. */
export function parseOptions(argv: readonly string[], root: string): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      route: { type: 'string', default: DEFAULT_ROUTE.name },
      'data-sets': { type: 'string' },
      scale: { type: 'string', default: '1' },
      rounds: { type: 'string', default: '3' },
      cases: { type: 'string' },
      'all-cases': { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      'primary-key': { type: 'boolean', default: false },
      bin: { type: 'string', default: `${root}/dist/cli/bin.js` },
      out: { type: 'string', default: `${root}/bench/out/${new Date().toISOString().replace(/[:.]/g, '-')}.json` },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const routes = routesNamed(values.route).map((route) => ({ route, cases: route.cases(values.bin) }))
  const stages = known('data set', values['data-sets'], names(routes.flatMap(({ route }) => route.stages)))
  const cases = known('case', values.cases, names(routes.flatMap((one) => one.cases)))
  const everyCase = values['all-cases']
  return {
    routes: routes
      .map((one) => ({
        route: one.route,
        stages: one.route.stages.filter((stage) => stages?.includes(stage.name) ?? stage.optional !== true),
        cases: one.cases.filter((each) => cases?.includes(each.name) ?? (everyCase || each.optional !== true)),
      }))
      .filter((one) => one.stages.length > 0 && one.cases.length > 0),
    scale: positive('scale', values.scale),
    rounds: Math.ceil(positive('rounds', values.rounds)),
    seed: Math.ceil(positive('seed', values.seed)),
    primaryKey: values['primary-key'],
    bin: values.bin,
    out: values.out,
  }
}

function routesNamed(text: string): readonly Route[] {
  if (text === 'all') return ROUTES
  const wanted = known('route', text, names(ROUTES))
  return ROUTES.filter(({ name }) => wanted?.includes(name))
}

function names(all: readonly { readonly name: string }[]): string[] {
  return all.map(({ name }) => name)
}

/** The names of a list, each of which has to be one that there is. */
function known(what: string, text: string | undefined, all: readonly string[]): readonly string[] | undefined {
  const wanted = text?.split(',')
  const unknown = wanted?.find((name) => !all.includes(name))
  if (unknown !== undefined) throw new Error(`no ${what} ${unknown} on the routes that are measured`)
  return wanted
}

function described(route: Route): string {
  const list = (all: readonly { readonly name: string; readonly optional?: boolean }[]): string =>
    all.map(({ name, optional }) => (optional === true ? `(${name})` : name)).join(' ')
  return `${route.name}\n  data sets: ${list(route.stages)}\n  cases: ${list(route.cases(''))}`
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (!(value > 0 && Number.isFinite(value))) throw new Error(`--${name} must be a number above 0`)
  return value
}
