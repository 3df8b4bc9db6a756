/** Reads one key of a shared cache over and over as a process of its own, and writes down each value with the time at
 * which it was asked for. The value is what a file holds. It ends half a second after it has seen the last value, or after half
 * a minute. Arguments: directory, name, last value. */
import { readFileSync, writeFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { createCache } from '../../src/cache/index.js'

const [dir, name, last] = process.argv.slice(2) as [string, string, string]
const cache = await createCache({ dir: `${dir}/cache` })
writeFileSync(`${dir}/ready-${name}`, '')
let until = Date.now() + 30_000
const seen: [askedAt: number, value: number][] = []
while (Date.now() < until) {
  const askedAt = performance.timeOrigin + performance.now()
  const { value } = await cache.get(['k'], async () => Number(readFileSync(`${dir}/truth`, 'utf8')))
  if (seen.at(-1)?.[1] === value) seen[seen.length - 1] = [askedAt, value]
  else {
    seen.push([askedAt, value])
    if (value === Number(last)) until = Date.now() + 500
  }
  await turn()
}
const { duplicateLoads, hits } = cache.stats()
await cache.close()
process.stdout.write(JSON.stringify({ seen, duplicateLoads, hits }))
