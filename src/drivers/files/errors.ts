import type { Classification } from '../../core/driver.js'
import { AirlockError, type ErrorCode, type Phase } from '../../errors/index.js'

/** What the operating system's errors mean here; errno(3). */
const BY_ERRNO: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'TABLE_NOT_FOUND',
  ENOTDIR: 'TABLE_NOT_FOUND',
  EACCES: 'PRIVILEGE_MISSING',
  EPERM: 'PRIVILEGE_MISSING',
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_FULL',
  EFBIG: 'DISK_FULL',
  EROFS: 'READ_ONLY',
}

/** What an error of the file system is in Airlock's terms, by its errno. */
export function classifyFilesError(error: unknown): Classification | undefined {
  const origin = errnoOf(error)
  const code = origin === undefined ? undefined : BY_ERRNO[origin]
  return code === undefined || origin === undefined ? undefined : { code, origin }
}

/** The errno name of a system error, e.g. `ENOENT`. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

export function refused(problem: string): AirlockError {
  return new AirlockError('FILE_REFUSED', { params: { problem } })
}

/** `row` counts the rows behind the header, from 1; 0 is the file itself. */
export function invalidFile(row: number, problem: string, phase: Phase = 'extract'): AirlockError {
  return new AirlockError('FILE_INVALID', {
    phase,
    params: { problem: row === 0 ? problem : `row ${row}: ${problem}` },
  })
}

export function unsupported(problem: string): AirlockError {
  return new AirlockError('UNSUPPORTED', { phase: 'plan', params: { problem } })
}
