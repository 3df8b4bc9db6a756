export {
  type ConnectionHost,
  type ConnectionUrl,
  type ConnectionUrlOptions,
  parseConnectionUrl,
} from './connection-url.js'
export { URL_PROBLEMS, type UrlProblem } from './url-problem.js'
