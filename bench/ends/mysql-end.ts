import type { Engine, TestDatabase } from '../../src/testing/engines/index.js'
import type { CopyFile } from '../data/copy-file.js'
import type { DataSet } from '../data/data-set.js'
import { cpuSeconds } from '../measure/process-tree.js'
import { type Command, runCommand } from '../measure/run-command.js'
import type { Workplace } from '../workplace.js'

/** MariaDB or MySQL as one end of a route: loads data sets and says how its clients reach it. */
export class MysqlEnd {
  readonly host: string
  readonly port: number
  readonly database: TestDatabase
  readonly #engine: Engine
  readonly #workplace: Workplace

  constructor(engine: Engine, database: TestDatabase, workplace: Workplace) {
    this.host = engine.host
    this.port = engine.port
    this.database = database
    this.#engine = engine
    this.#workplace = workplace
  }

  /** CPU seconds that the server has used so far. */
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

  /** Creates the table of a data set and loads it, then reads it once so that it is in the server's memory. */
  async load(dataSet: DataSet, file: CopyFile): Promise<void> {
    await this.drop(dataSet)
    await this.database.exec(`CREATE TABLE ${dataSet.name} (${definitions(dataSet)}, PRIMARY KEY (id))`)
    await this.#client(['--local-infile=1', '--execute', loadStatement(dataSet, file)])
    const [row] = await this.database.rows(`SELECT COUNT(*) FROM ${dataSet.name}`)
    if (row?.[0] !== String(file.rows)) throw new Error(`MySQL took ${row?.[0]} of ${file.rows} rows`)
    await this.database.exec(`ANALYZE TABLE ${dataSet.name}`)
    await this.#client(['--quick', '--execute', `SELECT * FROM ${dataSet.name}`])
  }

  async drop(dataSet: DataSet): Promise<void> {
    await this.database.exec(`DROP TABLE IF EXISTS ${dataSet.name}`)
  }

  async #client(args: readonly string[]): Promise<void> {
    const { programs, directory, signal } = this.#workplace
    // Options come before the database's name.
    const command: Command = {
      program: programs.mariadb,
      args: [...args, ...this.clientArgs],
      env: this.clientEnv,
    }
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
function loadStatement(dataSet: DataSet, file: CopyFile): string {
  const targets = dataSet.columns.map(({ name, binary }) => (binary === true ? `@${name}` : name))
  const bytes = dataSet.columns.filter((column) => column.binary === true)
  const sets = bytes.map(({ name }) => `${name} = UNHEX(SUBSTRING(@${name}, 3))`)
  return `
    SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE';
    LOAD DATA LOCAL INFILE '${file.path}' INTO TABLE ${dataSet.name} CHARACTER SET utf8mb4
      (${targets.join(', ')})${sets.length === 0 ? '' : ` SET ${sets.join(', ')}`};
  `
}
