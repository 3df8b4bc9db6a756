/** The calls that Airlock uses; the package ships no types. */
declare module 'fs-native-extensions' {
  interface LockOptions {
    readonly shared?: boolean
  }
  /** Takes an exclusive lock on the whole open file description; false when another one holds it. */
  export function tryLock(fd: number, options?: LockOptions): boolean
  /** The same for a range of bytes, which need not exist. */
  export function tryLock(fd: number, offset: number, length: number, options?: LockOptions): boolean
  export function unlock(fd: number, offset?: number, length?: number): void
}
