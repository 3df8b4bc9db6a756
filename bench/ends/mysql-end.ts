import type { Engine, TestDatabase } from '../../src/testing/engines/index.js'
import type { CopyFile } from '../data/copy-file.js'
import type { DataSet } from '../data/data-set.js'
import { cpuSeconds } from '../measure/process-tree.js'
import { type Command, runCommand } from '../measure/run-command.js'
import type { Workplace } from '../workplace.js'
import type { Cell, Fingerprint, TargetEnd } from './end.js'
import { tlsOf } from './tls-of.js'

/** MariaDB or MySQL as one end of a route: loads data sets and says how its clients reach it. */
export class MysqlEnd implements TargetEnd {
  readonly driver = 'mysql'
  readonly database: TestDatabase
  readonly #engine: Engine
  readonly #workplace: Workplace

  constructor(engine: Engine, database: TestDatabase, workplace: Workplace) {
    this.database = database
    this.#engine = engine
    this.#workplace = workplace
  }

  get host(): string {
    return this.#engine.host
  }

  get port(): number {
    return this.#engine.port
  }

  get address(): TargetEnd['address'] {
    return { host: this.host, port: this.port, database: this.database.name, user: this.database.user }
  }

  get password(): string {
    return this.database.password
  }

  get tls(): TargetEnd['tls'] {
    return tlsOf(this.#engine)
  }

  get cpuSeconds(): number {
    return this.#engine.pid === undefined ? 0 : cpuSeconds(this.#engine.pid)
  }

  /** Arguments of the `mariadb` client; the password goes by `clientEnv`. */
  get clientArgs(): readonly string[] {
    const { name, user } = this.database
    return [
      `--host=${this.host}`,
      `--port=${this.port}`,
      `--user=${user}`,
      '--skip-ssl',
      '--default-character-set=utf8mb4',
      name,
    ]
  }

  get clientEnv(): Readonly<Record<string, string>> {
    return { MYSQL_PWD: this.database.password }
  }

  /** The `mariadb` client, which loads a file in COPY text, or whatever another program writes into a pipe. */
  loadFrom(table: string, dataSet: DataSet, path: string): Command {
    // Options come before the database's name.
    const args = ['--local-infile=1', '--execute', loadStatement(table, dataSet, path), ...this.clientArgs]
    return { program: this.#workplace.programs.mariadb, args, env: this.clientEnv }
  }

  /** Makes a table and loads it; one that is to be read gets its key, and is read once so that it is in memory. */
  async load(table: string, dataSet: DataSet, file: CopyFile, use: 'source' | 'reference'): Promise<void> {
    await this.create(table, dataSet, use === 'source')
    await this.#run(this.loadFrom(table, dataSet, file.path))
    const [row] = await this.database.rows(`SELECT COUNT(*) FROM ${table}`)
    if (row?.[0] !== String(file.rows)) throw new Error(`MySQL took ${row?.[0]} of ${file.rows} rows`)
    if (use === 'reference') return
    await this.database.exec(`ANALYZE TABLE ${table}`)
    const args = ['--quick', '--execute', `SELECT * FROM ${table}`, ...this.clientArgs]
    await this.#run({ program: this.#workplace.programs.mariadb, args, env: this.clientEnv })
  }

  async create(table: string, dataSet: DataSet, primaryKey: boolean): Promise<void> {
    await this.drop(table)
    const key = primaryKey ? ', PRIMARY KEY (id)' : ''
    await this.database.exec(`CREATE TABLE ${table} (${definitions(dataSet)}${key})`)
  }

  async drop(...tables: readonly string[]): Promise<void> {
    await this.database.exec(`DROP TABLE IF EXISTS ${tables.join(', ')}`)
  }

  /** By the first half of each row's MD5. QUOTE tells NULL from the word; bytes and text go in as hexadecimal, whatever
   * their collation. */
  async fingerprint(table: string, columns: readonly Cell[]): Promise<Fingerprint> {
    const cells = columns.map(({ name }) => `QUOTE(HEX(CAST(${name} AS BINARY)))`)
    const hash = `CAST(CONV(LEFT(MD5(CONCAT_WS(',', ${cells.join(', ')})), 16), 16, 10) AS UNSIGNED)`
    const [row] = await this.database.rows(`SELECT COUNT(*), COALESCE(SUM(${hash}), 0) FROM ${table}`)
    return { rows: Number(row?.[0]), sum: row?.[1] ?? '', masked: undefined }
  }

  async #run(command: Command): Promise<void> {
    const { directory, signal } = this.#workplace
    const cost = await runCommand(command, { directory, signal, time: undefined })
    if (cost.exitCode !== 0) throw new Error(`mariadb: ${cost.lastWords}`)
  }
}

function definitions(dataSet: DataSet): string {
  return dataSet.columns
    .map(({ name, mysql, nullable }) => `${name} ${mysql} ${nullable === true ? 'NULL' : 'NOT NULL'}`)
    .join(', ')
}

/** COPY text is what LOAD DATA reads by default, but for bytes, whose hexadecimal form is undone here. */
function loadStatement(table: string, dataSet: DataSet, path: string): string {
  const targets = dataSet.columns.map(({ name, binary }) => (binary === true ? `@${name}` : name))
  const bytes = dataSet.columns.filter((column) => column.binary === true)
  const sets = bytes.map(({ name }) => `${name} = UNHEX(SUBSTRING(@${name}, 3))`)
  return `
    SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE';
    LOAD DATA LOCAL INFILE '${path}' INTO TABLE ${table} CHARACTER SET utf8mb4
      (${targets.join(', ')})${sets.length === 0 ? '' : ` SET ${sets.join(', ')}`};
  `
}
