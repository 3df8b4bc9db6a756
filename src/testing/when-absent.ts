/** What a look at something that may be gone, or that this user may not see, can end with. */
const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'ESRCH', 'EACCES', 'EPERM'])

/** The outcome of `look`, or `otherwise` where there is nothing to look at. Other errors are thrown on. */
export async function whenAbsent<T, U>(look: Promise<T>, otherwise: U): Promise<T | U> {
  try {
    return await look
  } catch (error) {
    if (ABSENT.has((error as NodeJS.ErrnoException).code ?? '')) return otherwise
    throw error
  }
}
