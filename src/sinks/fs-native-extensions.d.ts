/** The two calls that Airlock uses; the package ships no types. */
declare module 'fs-native-extensions' {
  /** Takes an exclusive lock on the whole open file description; false when another one holds it. */
  export function tryLock(fd: number, options?: { readonly shared?: boolean }): boolean
  export function unlock(fd: number): void
}
