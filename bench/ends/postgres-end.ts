import type { Engine, TestDatabase } from '../../src/testing/engines/index.js'
import type { CopyFile } from '../data/copy-file.js'
import type { DataSet } from '../data/data-set.js'
import { cpuSeconds } from '../measure/process-tree.js'
import { type Command, runCommand } from '../measure/run-command.js'
import type { Workplace } from '../workplace.js'
import type { Cell, Fingerprint, MaskedColumn, TargetEnd } from './end.js'
import { tlsOf } from './tls-of.js'

/** Postgres as one end of a route: holds source, reference and target tables, and tells whether they are the same. */
export class PostgresEnd implements TargetEnd {
  readonly driver = 'postgres'
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

  /** `psql` with commands, without anybody's start-up file; all of them in one session. */
  psql(...commands: readonly string[]): Command {
    const args = ['--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=1']
    args.push(...commands.map((command) => `--command=${command}`))
    return { program: this.#workplace.programs.psql, args, env: this.clientEnv }
  }

  copyFrom(table: string, file: CopyFile): Command {
    return this.psql(`\\copy ${table} from '${file.path}'`)
  }

  /** Makes a table and loads it from the file, with key, statistics and settled rows where it is to be read. */
  async load(table: string, dataSet: DataSet, file: CopyFile, use: 'source' | 'reference'): Promise<void> {
    const { directory, signal } = this.#workplace
    await this.create(table, dataSet, false)
    const cost = await runCommand(this.copyFrom(table, file), { directory, signal, time: undefined })
    if (cost.exitCode !== 0) throw new Error(`psql: ${cost.lastWords}`)
    if (use === 'reference') return
    await this.database.exec(`ALTER TABLE ${table} ADD PRIMARY KEY (id)`)
    await this.database.exec(`VACUUM (FREEZE, ANALYZE) ${table}`)
  }

  async create(table: string, dataSet: DataSet, primaryKey: boolean): Promise<void> {
    const definitions = dataSet.columns.map(
      ({ name, postgres, nullable }) => `${name} ${postgres}${nullable === true ? '' : ' NOT NULL'}`,
    )
    if (primaryKey) definitions.push('PRIMARY KEY (id)')
    await this.database.exec(`DROP TABLE IF EXISTS ${table}; CREATE TABLE ${table} (${definitions.join(', ')})`)
  }

  /** Leaves the server nothing to write behind what is measured next. */
  async settle(): Promise<void> {
    await this.database.exec('CHECKPOINT', 'admin')
  }

  async drop(...tables: readonly string[]): Promise<void> {
    await this.database.exec(`DROP TABLE IF EXISTS ${tables.join(', ')}`)
  }

  /** By PostgreSQL's `hashtextextended`. */
  async fingerprint(table: string, columns: readonly Cell[], mask?: MaskedColumn): Promise<Fingerprint> {
    const cells = columns.map(({ name, expression }) => expression ?? name)
    const [row] = await this.database.rows(
      `SELECT count(*), coalesce(sum(hashtextextended(ROW(${cells.join(', ')})::text, 0)::numeric), 0) FROM ${table}`,
    )
    return {
      rows: Number(row?.[0]),
      sum: row?.[1] ?? '',
      masked: mask === undefined ? undefined : await this.#maskedColumn(table, mask),
    }
  }

  async #maskedColumn(table: string, { column, original }: MaskedColumn): Promise<Fingerprint['masked']> {
    const [row] = await this.database.rows(`
      SELECT count(*) FILTER (WHERE t.${column} IS NULL), count(DISTINCT t.${column}),
             count(*) FILTER (WHERE t.${column} = r.${column})
      FROM ${table} t JOIN ${original} r USING (id)`)
    const [nulls = 0, distinct = 0, unmasked = 0] = (row ?? []).map(Number)
    return { nulls, distinct, unmasked }
  }
}
