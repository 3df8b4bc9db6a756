import { z } from 'zod'
import { commonFields, serverFields } from '../../core/config-fields.js'

/** Settings of a MySQL or MariaDB connection. `user` defaults to nothing: it is never taken from the system. */
export const mysqlConfig = z.strictObject({ ...commonFields, ...serverFields })

export type MysqlConfig = z.output<typeof mysqlConfig>
