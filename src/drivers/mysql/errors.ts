import type { Classification } from '../../core/driver.js'
import type { ErrorCode } from '../../errors/index.js'

/** Server error numbers; https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html and the MariaDB list. */
const BY_NUMBER: Readonly<Record<number, ErrorCode>> = {
  1040: 'TOO_MANY_CONNECTIONS',
  1203: 'TOO_MANY_CONNECTIONS',
  1226: 'TOO_MANY_CONNECTIONS',
  1044: 'DATABASE_NOT_FOUND',
  1049: 'DATABASE_NOT_FOUND',
  1045: 'AUTH_FAILED',
  1698: 'AUTH_FAILED',
  1130: 'AUTH_FAILED',
  1251: 'AUTH_FAILED',
  1053: 'SERVER_STARTING',
  1142: 'PRIVILEGE_MISSING',
  1143: 'PRIVILEGE_MISSING',
  1227: 'PRIVILEGE_MISSING',
  1370: 'PRIVILEGE_MISSING',
  1146: 'TABLE_NOT_FOUND',
  1051: 'TABLE_NOT_FOUND',
  1054: 'SQL_INVALID',
  1060: 'SQL_INVALID',
  1064: 'SQL_INVALID',
  1149: 'SQL_INVALID',
  1052: 'SQL_INVALID',
  1205: 'LOCK_TIMEOUT',
  3572: 'LOCK_TIMEOUT',
  1213: 'DEADLOCK',
  1317: 'STATEMENT_TIMEOUT',
  1969: 'STATEMENT_TIMEOUT',
  3024: 'STATEMENT_TIMEOUT',
  1021: 'DISK_FULL',
  1037: 'SERVER_LIMIT',
  1038: 'SERVER_LIMIT',
  1041: 'SERVER_LIMIT',
  1114: 'DISK_FULL',
  1792: 'READ_ONLY',
  1290: 'READ_ONLY',
  1836: 'READ_ONLY',
  1062: 'CONSTRAINT_VIOLATED',
  1048: 'CONSTRAINT_VIOLATED',
  1451: 'CONSTRAINT_VIOLATED',
  1452: 'CONSTRAINT_VIOLATED',
  1364: 'CONSTRAINT_VIOLATED',
  1586: 'CONSTRAINT_VIOLATED',
  3819: 'CONSTRAINT_VIOLATED',
  4025: 'CONSTRAINT_VIOLATED',
  // What LOAD DATA makes a warning of.
  1263: 'CONSTRAINT_VIOLATED',
  1261: 'VALUE_REJECTED',
  1262: 'VALUE_REJECTED',
  1264: 'VALUE_REJECTED',
  1265: 'VALUE_REJECTED',
  1292: 'VALUE_REJECTED',
  1300: 'VALUE_REJECTED',
  1366: 'VALUE_REJECTED',
  1411: 'VALUE_REJECTED',
  1416: 'VALUE_REJECTED',
  3140: 'VALUE_REJECTED',
  4035: 'VALUE_REJECTED',
  4036: 'VALUE_REJECTED',
  4037: 'VALUE_REJECTED',
  4038: 'VALUE_REJECTED',
  4039: 'VALUE_REJECTED',
  4040: 'VALUE_REJECTED',
  3854: 'VALUE_REJECTED',
  1406: 'VALUE_REJECTED',
  1153: 'ROW_TOO_LARGE',
  1301: 'ROW_TOO_LARGE',
  1927: 'CONNECTION_LOST',
  1152: 'CONNECTION_LOST',
  1158: 'CONNECTION_LOST',
  1159: 'CONNECTION_LOST',
  1160: 'CONNECTION_LOST',
  1161: 'CONNECTION_LOST',
}

/** Codes that mysql2 gives to errors of its own. */
const BY_NAME: Readonly<Record<string, ErrorCode>> = {
  PROTOCOL_CONNECTION_LOST: 'CONNECT_RESET',
  PROTOCOL_ERROR: 'PROTOCOL_ERROR',
  PROTOCOL_PACKETS_OUT_OF_ORDER: 'PROTOCOL_ERROR',
  PROTOCOL_INCORRECT_PACKET_SEQUENCE: 'PROTOCOL_ERROR',
  PROTOCOL_UNEXPECTED_PACKET: 'PROTOCOL_ERROR',
  HANDSHAKE_NO_SSL_SUPPORT: 'TLS_REFUSED',
  HANDSHAKE_SSL_ERROR: 'TLS_FAILED',
  HANDSHAKE_UNKNOWN_ERROR: 'PROTOCOL_ERROR',
  MYSQL_CLEAR_PASSWORD_NOT_ENABLED: 'CLEARTEXT_REFUSED',
  AUTH_SWITCH_PLUGIN_ERROR: 'AUTH_FAILED',
}

/** What an error of mysql2 or of the server is in Airlock's terms. Decides by number and code, never by text. */
export function classifyMysqlError(error: unknown): Classification | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  if ('errno' in error && typeof error.errno === 'number' && error.errno > 0) {
    const code = BY_NUMBER[error.errno]
    if (code !== undefined) return { code, origin: `MYSQL_${error.errno}` }
    return { code: 'QUERY_FAILED', origin: `MYSQL_${error.errno}` }
  }
  const name = 'code' in error && typeof error.code === 'string' ? BY_NAME[error.code] : undefined
  return name === undefined ? undefined : { code: name }
}
