export { AirlockError, type AirlockErrorData, type AirlockErrorOptions, newRef, type Phase } from './airlock-error.js'
export { CODES, type CodeSpec, type ErrorCode, type ExitCode } from './codes.js'
export { classifyNetworkError } from './network.js'
