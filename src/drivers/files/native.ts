/** The operating system's lock on an open file: freed by the kernel when its holder dies, exclusive also between threads
 * and between handles of one process. */
export interface FileLockBinding {
  tryLock(fd: number): boolean
  unlock(fd: number): void
}

/** Loads the native lock; undefined where this platform has no build of it. */
export async function loadFileLock(): Promise<FileLockBinding | undefined> {
  try {
    return await import('fs-native-extensions')
  } catch {
    return undefined
  }
}
