export { mysql } from './mysql/index.js'
export { postgres } from './postgres/index.js'
