import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** An address that swallows connection requests: the kernel answers none because the queue of the listener is full. */
export interface BlackHole extends AsyncDisposable {
  readonly host: string
  readonly port: number
  /** Idempotent. */
  close(): Promise<void>
}

/** A process of its own that listens, fills its own queue, and never takes a connection from it: its event loop does not
 * turn again. It ends with its parent. */
const LISTENER = `
const net = require('node:net')
const [host, port] = process.argv.slice(1)
const server = net.createServer().listen({ host, port: Number(port), backlog: 1 }, () => {
  const at = server.address().port
  for (let count = 0; count < 8; count++) net.connect({ host, port: at })
  process.nextTick(() => {
    require('node:fs').writeSync(1, String(at))
    const parent = process.ppid
    while (process.ppid === parent) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
    process.exit()
  })
})`

/** Starts a black hole at an address of this machine; without a port it takes a free one. Connecting to it neither
 * succeeds nor fails, where the kernel drops what a full queue cannot take (Linux does, by default). */
export async function startBlackHole(host: string, port = 0): Promise<BlackHole> {
  const child = spawn(process.execPath, ['--eval', LISTENER, host, String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {},
  })
  const exited = once(child, 'exit')
  const said: unknown[] = await Promise.race([once(child.stdout, 'data'), exited])
  const listening = Number(String(said[0]))
  let closing: Promise<void> | undefined
  const close = () => {
    child.kill('SIGKILL')
    closing ??= exited.then(() => undefined)
    return closing
  }
  return { host, port: listening, close, [Symbol.asyncDispose]: close }
}
