import type { Socket } from 'node:net'

/** Looks at the first bytes of a peer before the client library does: what speaks another protocol is found out at its
 * first word, where a library would wait for the rest of a message that never was one. `fits` is given what has come so
 * far, at most `count` bytes, each time there is more; at its first `false`, `foreign` is called, once, and nothing
 * further. The library reads the bytes all the same. */
export function watchFirstBytes(
  socket: Socket,
  count: number,
  fits: (first: Uint8Array) => boolean,
  foreign: () => void,
): void {
  let first = new Uint8Array(0)
  const look = (chunk: Buffer): void => {
    first = new Uint8Array(Buffer.concat([first, chunk.subarray(0, count - first.length)]))
    const fitting = fits(first)
    if (!fitting || first.length === count) socket.off('data', look)
    if (!fitting) foreign()
  }
  socket.prependListener('data', look)
}
