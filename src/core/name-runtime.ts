/** Names what runs this program under `navigator`, as Node 21 and later do by themselves. The library `pg` looks for it there;
 * where it finds nothing it makes a `Response` to see what platform this is, and that loads the whole HTTP client of Node.
 * For processes and threads that are ours, not for a program that imports this package. */
export function nameRuntime(): void {
  if ('navigator' in globalThis) return
  const userAgent = `Node.js/${process.versions.node.split('.', 1)}`
  Object.defineProperty(globalThis, 'navigator', { value: { userAgent }, configurable: true, enumerable: false })
}
