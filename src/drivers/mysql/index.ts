export { type MysqlConfig, mysqlConfig } from './config.js'
export { mysql, mysqlSpec } from './spec.js'
