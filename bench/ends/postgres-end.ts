import type { Engine, TestDatabase } from '../../src/testing/engines/index.js'
import type { CopyFile } from '../data/copy-file.js'
import type { DataSet } from '../data/data-set.js'
import { cpuSeconds } from '../measure/process-tree.js'
import { type Command, runCommand } from '../measure/run-command.js'
import type { Workplace } from '../workplace.js'

/** What a table holds, whatever the order of its rows. */
export interface Fingerprint {
  readonly rows: number
  /** The sum over all rows of the 64-bit hash of the row's text (PostgreSQL's `hashtextextended`). */
  readonly sum: string
  /** In a masked column: NULLs, distinct values, and rows whose value is still the reference's. */
  readonly masked: { readonly nulls: number; readonly distinct: number; readonly unmasked: number } | undefined
}

/** Postgres as one end of a route: holds the reference and the target table, and tells whether they are the same. */
export class PostgresEnd {
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

  /** CPU seconds that the server and its sessions have used so far. */
  get cpuSeconds(): number {
    return this.#engine.pid === undefined ? 0 : cpuSeconds(this.#engine.pid)
  }

  /** How libpq's programs reach the database. */
  get clientEnv(): Readonly<Record<string, string>> {
    const { name, user, password } = this.database
    return {
      PGHOST: this.host,
      PGPORT: String(this.port),
      PGDATABASE: name,
      PGUSER: user,
      PGPASSWORD: password,
      PGSSLMODE: 'disable',
      PGTZ: 'UTC',
      PGCLIENTENCODING: 'UTF8',
    }
  }

  /** `psql` with one command, without anybody's start-up file. */
  psql(command: string): Command {
    const args = ['--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=1', '--command', command]
    return { program: this.#workplace.programs.psql, args, env: this.clientEnv }
  }

  copyFrom(table: string, file: CopyFile): Command {
    return this.psql(`\\copy ${table} from '${file.path}'`)
  }

  /** Loads the reference table from the file, which all targets have to equal. */
  async loadReference(dataSet: DataSet, file: CopyFile): Promise<void> {
    const { directory, signal } = this.#workplace
    await this.#create('reference', dataSet, false)
    const cost = await runCommand(this.copyFrom('reference', file), { directory, signal, time: undefined })
    if (cost.exitCode !== 0) throw new Error(`psql: ${cost.lastWords}`)
  }

  /** A new, empty target table, and nothing left to write behind it. */
  async createTarget(dataSet: DataSet, primaryKey: boolean): Promise<void> {
    await this.#create(dataSet.name, dataSet, primaryKey)
    await this.database.exec('CHECKPOINT', 'admin')
  }

  async drop(dataSet: DataSet): Promise<void> {
    await this.database.exec(`DROP TABLE IF EXISTS reference, ${dataSet.name}`)
  }

  /** The content of `table`, without the masked column if there is one. */
  async fingerprint(table: string, dataSet: DataSet, maskedColumn: string | undefined): Promise<Fingerprint> {
    const columns = dataSet.columns.map(({ name }) => name).filter((name) => name !== maskedColumn)
    const [row] = await this.database.rows(
      `SELECT count(*), coalesce(sum(hashtextextended(ROW(${columns.join(', ')})::text, 0)::numeric), 0) FROM ${table}`,
    )
    return {
      rows: Number(row?.[0]),
      sum: row?.[1] ?? '',
      masked: maskedColumn === undefined ? undefined : await this.#maskedColumn(table, maskedColumn),
    }
  }

  async #maskedColumn(table: string, column: string): Promise<Fingerprint['masked']> {
    const [row] = await this.database.rows(`
      SELECT count(*) FILTER (WHERE t.${column} IS NULL), count(DISTINCT t.${column}),
             count(*) FILTER (WHERE t.${column} = r.${column})
      FROM ${table} t JOIN reference r USING (id)`)
    const [nulls = 0, distinct = 0, unmasked = 0] = (row ?? []).map(Number)
    return { nulls, distinct, unmasked }
  }

  async #create(table: string, dataSet: DataSet, primaryKey: boolean): Promise<void> {
    const definitions = dataSet.columns.map(
      ({ name, postgres, nullable }) => `${name} ${postgres}${nullable === true ? '' : ' NOT NULL'}`,
    )
    if (primaryKey) definitions.push('PRIMARY KEY (id)')
    await this.database.exec(`DROP TABLE IF EXISTS ${table}; CREATE TABLE ${table} (${definitions.join(', ')})`)
  }
}
