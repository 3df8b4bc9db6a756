import { createServer, type Socket } from 'node:net'

export interface WireFake extends AsyncDisposable {
  readonly port: number
  /** Everything that clients have sent. */
  received(): Buffer
  connections(): number
}

/** A server that says what `script` makes it say: the script runs once for each connection. */
export async function wireFake(script: (socket: Socket) => void): Promise<WireFake> {
  const sockets = new Set<Socket>()
  const chunks: Buffer[] = []
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    // A client that gives up resets the connection; that is its right.
    socket.on('error', () => socket.destroy())
    script(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    received: () => Buffer.concat(chunks),
    connections: () => sockets.size,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
