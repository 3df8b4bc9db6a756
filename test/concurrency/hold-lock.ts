/** Takes the lock of a directory, says so, and keeps it with a blocked event loop until it is killed or the time is up. */
import { DirectoryLock, loadLockBinding } from '../../src/sinks/directory-lock.js'

const [dir, milliseconds] = process.argv.slice(2)
const binding = await loadLockBinding()
const lock = new DirectoryLock(dir!, binding!)
await lock.acquire(5000, new AbortController().signal)
process.stdout.write('held\n', () => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(milliseconds))
})
