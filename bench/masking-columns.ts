/** Nanoseconds per value of every column mask, over distinct and over repeating values, beside `createHmac` in the same
 * run. Usage: tsx bench/masking-columns.ts [values] */
import { createHmac } from 'node:crypto'
import { ByteSink, compileMask } from '../src/masking/columns/index.js'

const VALUES = Number(process.argv[2] ?? 200_000)
const REPETITIONS = 5

interface Case {
  readonly rule: string
  readonly type: string
  readonly value: (i: number) => string
}

const email = (i: number) => `customer.${i}@example.test`
const card = (i: number) => String(4_000_000_000_000_000 + i * 7919)
const day = (i: number) => new Date(Date.UTC(1950, 0, 1 + (i % 25_000))).toISOString().slice(0, 10)

const CASES: readonly Case[] = [
  { rule: 'redact', type: 'text', value: email },
  { rule: 'null', type: 'text', value: email },
  { rule: 'constant:none', type: 'text', value: email },
  { rule: 'hash', type: 'text', value: email },
  { rule: 'tokenize', type: 'text', value: email },
  { rule: 'tokenize', type: 'int64', value: String },
  { rule: 'partial-email', type: 'text', value: email },
  { rule: 'partial-last4', type: 'text', value: card },
  { rule: 'generalize-year', type: 'date', value: day },
  { rule: 'generalize-range-10', type: 'int32', value: String },
  { rule: 'date-shift', type: 'date', value: day },
  { rule: 'fpe', type: 'text', value: card },
  { rule: 'fpe', type: 'int64', value: String },
]

/** Values packed behind each other, as in a batch. */
function pack(count: number, value: (i: number) => string): { data: Uint8Array; spans: Uint32Array } {
  const spans = new Uint32Array(count * 2)
  const parts: Buffer[] = []
  let at = 0
  for (let i = 0; i < count; i++) {
    const cell = Buffer.from(value(i))
    parts.push(cell)
    spans[i * 2] = at
    at += cell.length
    spans[i * 2 + 1] = at
  }
  return { data: Buffer.concat(parts), spans }
}

/** Best of several runs, in nanoseconds per value. */
function measure(count: number, run: () => void): number {
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < REPETITIONS; i++) {
    const begin = process.hrtime.bigint()
    run()
    best = Math.min(best, Number(process.hrtime.bigint() - begin) / count)
  }
  return best
}

function nsPerValue({ rule, type, value }: Case, distinct: number): number {
  const { data, spans } = pack(VALUES, (i) => value(i % distinct))
  const mask = compileMask(rule, { key: 'benchmark key', column: 'c', type })
  const out = new ByteSink(VALUES * 64)
  return measure(VALUES, () => {
    out.length = 0
    for (let i = 0; i < spans.length; i += 2) mask.apply(data, spans[i]!, spans[i + 1]!, out)
  })
}

function nsPerCreateHmac(): number {
  const { data, spans } = pack(VALUES, email)
  return measure(VALUES, () => {
    for (let i = 0; i < spans.length; i += 2) {
      createHmac('sha256', 'benchmark key')
        .update(data.subarray(spans[i]!, spans[i + 1]!))
        .digest()
    }
  })
}

const row = (name: string, type: string, distinct: string, repeating: string) =>
  process.stdout.write(`${name.padEnd(22)}${type.padEnd(8)}${distinct.padStart(12)}${repeating.padStart(16)}\n`)
row('rule', 'type', 'distinct', '1,000 values')
for (const each of CASES) {
  row(each.rule, each.type, `${nsPerValue(each, VALUES).toFixed(0)} ns`, `${nsPerValue(each, 1000).toFixed(0)} ns`)
}
row('(node createHmac)', 'text', `${nsPerCreateHmac().toFixed(0)} ns`, '')
