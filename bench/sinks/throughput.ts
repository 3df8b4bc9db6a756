/** Events per second of the audit log against its peers, as ratios of medians in one run: `npx tsx bench/sinks/throughput.ts`. */
import {
  audit,
  eventFile,
  mutexAppendFile,
  mutexWriteSync,
  pinoSync,
  sonicFsync,
  syncCalls,
  winstonFile,
} from './contenders.js'
import { type Contender, medians, report, throughput } from './harness.js'

const ROUNDS = Number(process.env['AIRLOCK_BENCH_ROUNDS'] ?? 5)
const durable = audit('audit durable', { durability: 'batch' })
const quick = audit('audit not durable', { durability: 'none' })
const [sonic, pino, winston] = [await sonicFsync(), await pinoSync(), await winstonFile()]

/** Events per round for contenders that sync each event, and for all others. */
async function run(title: string, contenders: readonly (Contender | undefined)[], producers: number, counts: Counts) {
  const present = contenders.filter((contender) => contender !== undefined)
  const rates = await medians(present, ROUNDS, (contender) =>
    throughput(contender, counts[contender.name] ?? counts.others, producers),
  )
  process.stdout.write(`\n${title}, ${producers} producers, events/s (median of ${ROUNDS} shuffled rounds)\n`)
  for (const [name, rate] of rates) process.stdout.write(`     ${name.padEnd(28)} ${Math.round(rate)}\n`)
  return (a: string, b: string): number => (rates.get(a) ?? Number.NaN) / (rates.get(b) ?? Number.NaN)
}

interface Counts {
  readonly others: number
  readonly [name: string]: number
}

const slow = {
  [mutexWriteSync.name]: 2000,
  'sonic-boom fsync': 3000,
  [syncCalls.name]: 3000,
  [mutexAppendFile.name]: 8000,
}
const many = await run('durable', [durable, quick, mutexWriteSync, sonic], 256, { others: 60_000, ...slow })
report('durable vs mutex + write + fdatasync', many('audit durable', mutexWriteSync.name), 15)
if (sonic) report('durable vs sonic-boom fsync', many('audit durable', sonic.name), 10)
report('durable vs our own not durable', many('audit durable', quick.name), 0.35)

const some = await run('durable', [durable, mutexWriteSync], 16, { others: 16_000, ...slow })
report('durable vs mutex + write + fdatasync, 16 producers', some('audit durable', mutexWriteSync.name), 4)

const one = await run('durable', [durable, syncCalls], 1, { others: 2000, ...slow })
report('durable vs writeSync + fdatasyncSync, 1 producer', one('audit durable', syncCalls.name), 0.4)

const plain = await run('not durable', [quick, pino, winston, mutexAppendFile, eventFile], 256, {
  others: 60_000,
  ...slow,
})
if (pino) report('not durable vs pino sync', plain(quick.name, pino.name), 0.7)
if (winston) report('not durable vs winston', plain(quick.name, winston.name), 1.5)
report('not durable vs appendFile + mutex', plain(quick.name, mutexAppendFile.name), 6)
report('chain vs chain off', plain(quick.name, eventFile.name), 0.5)
