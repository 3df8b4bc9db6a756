import { type Driver, defineDriver } from '../../core/define-driver.js'
import type { DriverSpec, Endpoint } from '../../core/driver.js'
import { type MysqlConfig, mysqlConfig } from './config.js'
import { classifyMysqlError } from './errors.js'
import { MYSQL_POLICIES } from './policies.js'
import { MysqlSession, type NativeChoices } from './session.js'
import { MYSQL_STRATEGIES } from './write/strategies.js'

const DEFAULT_PORT = 3306

/** The declarative part of the MySQL and MariaDB driver. `rowHook: false` reads rows through the client library's public
 * interface only, which is what the driver falls back to by itself when the library's internals have changed; `transport` says how rows are written. */
export function mysqlSpec(native: NativeChoices = { rowHook: true }): DriverSpec<typeof mysqlConfig> {
  return {
    family: 'mysql',
    title: 'MySQL and MariaDB',
    urlSchemes: ['mysql', 'mariadb'],
    defaultPort: DEFAULT_PORT,
    config: mysqlConfig,
    capabilities: {
      extract: true,
      incremental: true,
      write: true,
      discover: true,
      query: true,
      modes: ['append', 'replace', 'merge', 'delete+insert'],
      strategies: MYSQL_STRATEGIES,
      rawFormats: [],
    },
    policies: MYSQL_POLICIES,
    endpoints,
    open: (config, context) => MysqlSession.open(config, context, native),
    classify: classifyMysqlError,
  }
}

/** Reads from MySQL 5.7 and later and MariaDB 10.3 and later; writes to MySQL 8.0 and later and MariaDB 10.3 and later. */
export const mysql: Driver<typeof mysqlConfig> = defineDriver(mysqlSpec())

function endpoints(config: MysqlConfig): readonly Endpoint[] {
  if (config.socket_path !== undefined) return [{ kind: 'unix', path: config.socket_path }]
  return [{ kind: 'tcp', host: config.host ?? 'localhost', port: config.port ?? DEFAULT_PORT }]
}
