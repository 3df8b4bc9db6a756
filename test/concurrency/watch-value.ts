/** Reads one key of a shared cache over and over as a process of its own, and writes down each value with the time at
 * which it was asked for. The value is what a file holds. Arguments: directory, milliseconds. */
import { readFileSync, writeFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { createCache } from '../../src/cache/index.js'

const [dir, name, ms] = process.argv.slice(2) as [string, string, string]
const cache = await createCache({ dir: `${dir}/cache` })
writeFileSync(`${dir}/ready-${name}`, '')
const until = Date.now() + Number(ms)
const seen: [askedAt: number, value: number][] = []
while (Date.now() < until) {
  const askedAt = performance.timeOrigin + performance.now()
  const { value } = await cache.get(['k'], async () => Number(readFileSync(`${dir}/truth`, 'utf8')))
  if (seen.at(-1)?.[1] !== value) seen.push([askedAt, value])
  else seen[seen.length - 1] = [askedAt, value]
  await turn()
}
const { duplicateLoads, hits } = cache.stats()
await cache.close()
process.stdout.write(JSON.stringify({ seen, duplicateLoads, hits }))
