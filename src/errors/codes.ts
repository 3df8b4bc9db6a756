import { CODES_BEFORE } from './codes-before.js'
import { CODES_DURING } from './codes-during.js'

export type { CodeSpec, ExitCode } from './code-spec.js'

/** The closed table of everything that can go wrong. */
export const CODES = { ...CODES_BEFORE, ...CODES_DURING } as const

export type ErrorCode = keyof typeof CODES
