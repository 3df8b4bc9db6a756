export {
  type ConnectionHost,
  type ConnectionUrl,
  type ConnectionUrlOptions,
  parseConnectionUrl,
} from './connection-url.js'
export type { Dsn, DsnKind, DsnSpan } from './dsn.js'
export { type MaskDsnOptions, maskDsn } from './mask-dsn.js'
export { parseDsn } from './parse-dsn.js'
export { URL_PROBLEMS, type UrlProblem } from './url-problem.js'
