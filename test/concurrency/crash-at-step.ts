/** Stores a value, invalidates it and stores another one, and kills itself with SIGKILL at the n-th file operation below
 * the cache. Says what was acknowledged. Arguments: directory, n (0: never). */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const [dir, at] = process.argv.slice(2) as [string, string]
let calls = 0
const step = () => {
  calls++
  if (calls === Number(at)) process.kill(process.pid, 'SIGKILL')
}
const wrapped = (target: Record<string, unknown>, name: string) => {
  const original = target[name] as (...args: unknown[]) => unknown
  target[name] = Object.assign(function (this: unknown, ...args: unknown[]) {
    if (args.some((arg) => typeof arg === 'string' && arg.startsWith(dir)) || typeof args[0] === 'number') step()
    return original.apply(this, args)
  }, original)
}
const { createCache } = await import('../../src/cache/index.js')
const cache = await createCache({ dir })
for (const name of ['open', 'write', 'fsync', 'rename', 'unlink', 'close', 'chmod', 'chown']) {
  wrapped(fs as unknown as Record<string, unknown>, name)
}
wrapped(fs.promises as unknown as Record<string, unknown>, 'unlink')
syncBuiltinESMExports()
await cache.get(['k'], async () => 'old')
fs.writeSync(1, 'stored\n')
await cache.invalidate(['k'])
fs.writeSync(1, 'invalidated\n')
await cache.get(['k'], async () => 'new')
fs.writeSync(1, 'replaced\n')
await cache.close()
fs.writeSync(1, `steps ${calls}\n`)
