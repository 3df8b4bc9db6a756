import { GRAPHQL_TO_POSTGRES } from './graphql-to-postgres.js'
import { GROWTH } from './growth.js'
import { MERGE_POSTGRES } from './merge-postgres.js'
import { MYSQL_TO_POSTGRES } from './mysql-to-postgres.js'
import { POSTGRES_TO_MYSQL } from './postgres-to-mysql.js'
import { POSTGRES_TO_POSTGRES } from './postgres-to-postgres.js'
import type { Route } from './route.js'

/** What is measured where nothing else is asked for. */
export const DEFAULT_ROUTE: Route = MYSQL_TO_POSTGRES

/** Every route, in the order in which they are measured. */
export const ROUTES: readonly Route[] = [
  MYSQL_TO_POSTGRES,
  POSTGRES_TO_POSTGRES,
  POSTGRES_TO_MYSQL,
  GRAPHQL_TO_POSTGRES,
  MERGE_POSTGRES,
  GROWTH,
]
