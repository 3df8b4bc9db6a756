import { Secret } from '../../src/masking/index.js'
import type { Engine } from '../../src/testing/index.js'
import { Canaries, canary } from './canaries.js'

/** A database and a login whose names and password are canaries, behind a host name that is one too. */
export interface Account extends AsyncDisposable {
  readonly engine: Engine
  readonly canaries: Canaries
  readonly password: string
  /** The value of every cell of the column `note` of the table `notes` (1 to 5). */
  readonly cell: string
  /** Settings of a connection by the canary host. */
  readonly settings: {
    readonly host: string
    readonly port: number
    readonly database: string
    readonly user: string
    readonly password: Secret<string>
    readonly tls: { readonly mode: 'disable' }
    readonly connect_timeout_ms: number
  }
  /** Resolves the canary host. */
  lookup(host: string): Promise<readonly { readonly address: string; readonly family: number }[]>
  /** As the administrator, in the database. */
  exec(sql: string): Promise<void>
  rows(sql: string): Promise<(string | null)[][]>
}

const TABLE = (cell: string) => `
  CREATE TABLE notes (id INT PRIMARY KEY, note VARCHAR(80) NOT NULL);
  INSERT INTO notes VALUES (1, '${cell}'), (2, '${cell}'), (3, '${cell}'), (4, '${cell}'), (5, '${cell}')`

export async function account(engine: Engine): Promise<Account> {
  const mysql = engine.engine === 'mysql'
  const home = await engine.createDatabase('leaks')
  const password = canary('p@/ %', '"ß')
  const [user, host, cell] = [canary('u'), `${canary('h')}.example`, canary('cell ')]
  if (mysql) {
    await home.exec(`
      CREATE USER ${user}@'%' IDENTIFIED BY '${password}';
      GRANT ALL ON \`${home.name.replaceAll('_', '\\_')}\`.* TO ${user}@'%';
      ${TABLE(cell)}`)
  } else {
    await home.exec(`CREATE ROLE "${user}" LOGIN PASSWORD '${password}' IN ROLE ${home.user}; ${TABLE(cell)}`, 'admin')
    await home.exec(`GRANT ALL ON SCHEMA public TO "${user}"; ALTER TABLE notes OWNER TO "${user}"`, 'admin')
  }
  const { port } = engine
  return {
    engine,
    password,
    cell,
    canaries: new Canaries({ password, user, host, database: home.name, address: engine.host, cell }),
    settings: {
      ...{ host, port, database: home.name, user, password: new Secret(password, 'test') },
      ...{ tls: { mode: 'disable' }, connect_timeout_ms: 10_000 },
    },
    lookup: (name) =>
      name === host
        ? Promise.resolve([{ address: engine.host, family: 4 }])
        : Promise.reject(
            Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND', hostname: name }),
          ),
    exec: (sql) => home.exec(sql, 'admin'),
    rows: (sql) => home.rows(sql, 'admin'),
    async [Symbol.asyncDispose]() {
      if (mysql) await home.exec(`DROP USER ${user}@'%'`)
      else await home.exec(`DROP OWNED BY "${user}" CASCADE; DROP ROLE "${user}"`, 'admin')
      await home.drop()
    },
  }
}
