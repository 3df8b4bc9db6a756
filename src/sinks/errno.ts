const KNOWN: ReadonlySet<string> = new Set([
  'EACCES',
  'EAGAIN',
  'EBADF',
  'EBUSY',
  'EDQUOT',
  'EEXIST',
  'EFBIG',
  'EINTR',
  'EINVAL',
  'EIO',
  'EISDIR',
  'ELOOP',
  'EMFILE',
  'ENFILE',
  'ENODEV',
  'ENOENT',
  'ENOSPC',
  'ENOTDIR',
  'EPERM',
  'EROFS',
  'ETIMEDOUT',
])

/** The errno name of a failed file operation when it is on the allow-list, else undefined. Paths and texts of the
 * native error stay behind. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  const { code } = error
  return typeof code === 'string' && KNOWN.has(code) ? code : undefined
}
