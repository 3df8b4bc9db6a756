/** Lists the connections of a user that are in a transaction of InnoDB, to be asked as the administrator. Who asks again does
 * so after more than a tenth of a second: until nobody has asked for so long the server shows what it has shown before. */
export function innodbTransactions(user: string, where = 'TRUE'): string {
  return `SELECT p.id FROM information_schema.innodb_trx t
    JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id WHERE p.user = '${user}' AND ${where}`
}
