import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { BenchCase, CaseSetting } from './bench-case.js'

/** How one case runs `airlock copy`. */
export interface AirlockCopyOptions {
  readonly name: string
  readonly summary: string
  /** The rule for the data set's masked column. */
  readonly mask?: string
  /** Without audit, telemetry and verification: what these cost is the difference. */
  readonly bare?: boolean
  /** The built CLI. */
  readonly bin: string
}

/** `airlock copy` from MySQL to Postgres, as a user runs it: the built CLI, a configuration file, secrets in the
 * environment, and unless `bare` with audit and telemetry, verified by count. */
export function airlockCopy(options: AirlockCopyOptions): BenchCase {
  return {
    name: options.name,
    kind: 'airlock',
    summary: options.summary,
    masks: options.mask !== undefined,

    missing({ dataSet }) {
      if (!existsSync(options.bin)) return 'not built (npm run build)'
      return options.mask !== undefined && dataSet.maskedColumn === undefined ? 'no column to mask' : undefined
    },

    async prepare(setting) {
      const { dataSet, servers, directory } = setting
      const config = join(directory, 'airlock.yaml')
      await writeFile(config, stringify(configuration(setting, options)), { mode: 0o600 })
      return {
        program: process.execPath,
        args: [
          options.bin,
          'copy',
          ...['--config', config],
          ...['--source', 'shop', '--source-table', dataSet.name],
          ...['--target', 'warehouse', '--target-table', `public.${dataSet.name}`],
          ...['--mode', 'append', '--verify', options.bare === true ? 'none' : 'count', '--quiet'],
          ...(options.mask === undefined ? [] : ['--mask', `${dataSet.maskedColumn}:${options.mask}`]),
        ],
        env: {
          BENCH_SOURCE_PASSWORD: servers.mysql.database.password,
          BENCH_TARGET_PASSWORD: servers.postgres.database.password,
          BENCH_MASK_KEY: randomBytes(32).toString('hex'),
        },
      }
    },
  }
}

function configuration({ servers, directory }: CaseSetting, { bare }: AirlockCopyOptions): Record<string, unknown> {
  const { mysql, postgres } = servers
  return {
    home: join(directory, 'home'),
    audit: { enabled: bare !== true },
    telemetry: { enabled: bare !== true },
    connections: {
      shop: {
        driver: 'mysql',
        host: mysql.host,
        port: mysql.port,
        database: mysql.database.name,
        user: mysql.database.user,
        password: '${env:BENCH_SOURCE_PASSWORD}',
      },
      warehouse: {
        driver: 'postgres',
        host: postgres.host,
        port: postgres.port,
        database: postgres.database.name,
        user: postgres.database.user,
        password: '${env:BENCH_TARGET_PASSWORD}',
      },
    },
    mask_key: '${env:BENCH_MASK_KEY}',
  }
}
