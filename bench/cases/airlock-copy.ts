import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { End } from '../ends/end.js'
import { watchedNode } from '../measure/loop-delay.js'
import type { BenchCase, CaseSetting, MaskRule } from './bench-case.js'

/** How one case runs `airlock copy`. */
export interface AirlockCopyOptions extends Pick<BenchCase, 'name' | 'summary' | 'optional' | 'intoEmpty'> {
  /** The rule for the data set's masked column. */
  readonly mask?: MaskRule
  /** `append` where left out. A merge goes by the source's primary key. */
  readonly mode?: 'append' | 'merge'
  /** `count` where left out, as by default. */
  readonly verify?: 'none' | 'count' | 'checksum'
  /** Whether audit and telemetry are written; they are by default. */
  readonly records?: boolean
  /** TLS on both legs, with full checks against the private authority. */
  readonly tls?: boolean
  /** Reads the table in so many ranges of `id` at one time, in one thread or in as many. */
  readonly ranges?: { readonly count: number; readonly threads: boolean }
  /** The built CLI. */
  readonly bin: string
}

/** `airlock copy` from one end to the other, as a user runs it: the built CLI, a configuration file, secrets in the
 * environment, and unless told otherwise with audit and telemetry, verified by count. */
export function airlockCopy(options: AirlockCopyOptions): BenchCase {
  const { name, summary, mask, mode = 'append', verify = 'count', tls = false, ranges } = options
  return {
    name,
    kind: 'airlock',
    summary,
    tls,
    optional: options.optional ?? false,
    intoEmpty: options.intoEmpty ?? false,
    ...(mask === undefined ? {} : { mask }),

    missing({ dataSet }) {
      if (!existsSync(options.bin)) return 'not built (npm run build)'
      if (ranges !== undefined && !dataSet.columns.some(({ name }) => name === 'id')) return 'no column id'
      return mask !== undefined && dataSet.maskedColumn === undefined ? 'no column to mask' : undefined
    },

    async prepare(setting) {
      const { dataSet, source, target, directory } = setting
      const config = join(directory, 'airlock.yaml')
      await writeFile(config, stringify(configuration(setting, options)), { mode: 0o600 })
      const copied = [
        'copy',
        ...['--source', 'shop', '--source-table', dataSet.name],
        ...['--target', 'warehouse', '--target-table', dataSet.name],
        ...['--mode', mode],
        ...(mask === undefined ? [] : ['--mask', `${dataSet.maskedColumn}:${mask}`]),
      ]
      const stream = { mode, ...(mask === undefined ? {} : { mask: { [dataSet.maskedColumn!]: mask } }) }
      const command = ranges === undefined ? copied : await divided(directory, dataSet.name, stream, ranges)
      const args = [options.bin, ...command, '--config', config, '--verify', verify, '--quiet']
      return watchedNode(directory, args, {
        BENCH_SOURCE_PASSWORD: source.password ?? '',
        BENCH_TARGET_PASSWORD: target.password ?? '',
        BENCH_MASK_KEY: randomBytes(32).toString('hex'),
      })
    },
  }
}

/** A pipeline file of one stream, and how it is run. */
async function divided(
  directory: string,
  table: string,
  stream: object,
  { count, threads }: NonNullable<AirlockCopyOptions['ranges']>,
): Promise<readonly string[]> {
  const file = join(directory, 'pipeline.yaml')
  const streams = { [table]: { ...stream, partition_by: { column: 'id', ranges: count } } }
  await writeFile(file, stringify({ name: 'bench', source: 'shop', target: 'warehouse', streams }))
  return ['run', file, '--parallel', String(count), threads ? '--threads' : '--no-threads']
}

function configuration(
  { source, target, directory }: CaseSetting,
  { records = true, tls = false }: AirlockCopyOptions,
): Record<string, unknown> {
  return {
    home: join(directory, 'home'),
    audit: { enabled: records },
    telemetry: { enabled: records },
    connections: {
      shop: connection(source, 'BENCH_SOURCE_PASSWORD', tls),
      warehouse: connection(target, 'BENCH_TARGET_PASSWORD', tls),
    },
    mask_key: '${env:BENCH_MASK_KEY}',
  }
}

function connection(end: End, variable: string, encrypted: boolean): Record<string, unknown> {
  const { driver, address, password, tls } = end
  if (encrypted && tls === undefined) throw new Error(`the ${driver} server of this run has no certificate`)
  return {
    driver,
    ...address,
    ...(password === undefined ? {} : { password: `\${env:${variable}}` }),
    ...(encrypted ? { tls: { mode: 'verify-full', ca: tls?.ca, server_name: tls?.serverName } } : {}),
  }
}
