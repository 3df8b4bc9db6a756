import { z } from 'zod'
import { secret } from '../core/config-fields.js'
import { mcpPolicy, memoryPolicy, queryPolicy } from './agent-policy.js'

/** What configuration needs to know of a driver; every `DriverSpec` fits. */
export interface DriverDeclaration {
  /** Strict; its secret fields carry `secret()`. */
  readonly config: z.ZodObject
  /** Schemes that the driver's `url:` may have. */
  readonly urlSchemes?: readonly string[]
  /** Its policies and the words that each can be given, for pipelines. */
  readonly policies?: Readonly<Record<string, readonly string[]>>
}

/** Drivers by the word that `driver:` gives. */
export type DriverDeclarations = Readonly<Record<string, DriverDeclaration>>

/** Platforms of sandboxes by the key that they have under `remote:`. */
export type RemoteDeclarations = Readonly<Partial<Record<'e2b', DriverDeclaration>>>

const switchField = (byDefault: boolean) => z.strictObject({ enabled: z.boolean().default(byDefault) }).prefault({})

const kept = (days?: number) => {
  const limit = z.number().positive().optional()
  return z
    .strictObject({
      max_age_days: (days === undefined ? limit : limit.default(days)).describe(
        'Files that did not change for so long.',
      ),
      max_mb: limit.describe('Megabytes (2^20 bytes) of all files; the oldest go first.'),
    })
    .prefault({})
}

/** A connection's name: it stands in pipelines, on command lines and in reports. */
export const connectionName = z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,62}$/)

/** airlock.yaml, but for what a driver says of its connections. */
export const airlockFile = z.strictObject({
  home: z
    .string()
    .min(1)
    .default('.airlock')
    .describe('Folder of audit, telemetry, cache, state and runs, relative to this file.'),
  allow_cmd: z.boolean().default(false).describe('Whether ${cmd:…} references may run programs.'),
  mask_key: secret().optional().describe('The key of keyed masks such as tokenize.'),
  deny_unmasked: z
    .array(z.string().min(1))
    .default([])
    .describe('Columns that may only be moved with a mask: `email`, `customers.email`, `*_token`.'),
  audit: switchField(true).describe('The audit log.'),
  telemetry: switchField(true).describe('Counters of every run.'),
  debug: switchField(false).describe('Masked records of native errors.'),
  retention: z
    .strictObject({
      audit: kept(),
      telemetry: kept(30),
      debug: kept(30),
      runs: kept(365),
      cache: kept(30),
      memory: kept(90),
    })
    .prefault({})
    .describe('What `airlock retention` keeps of the files under `home`. The audit log is kept unless this says so.'),
  env_file: z
    .string()
    .min(1)
    .optional()
    .describe('Variables for ${env:…} that are not in the environment, as NAME=value lines; a file with mode 0600.'),
  queries: z
    .record(connectionName, queryPolicy)
    .default({})
    .describe('What queries of a connection may show, to people and agents alike.'),
  mcp: mcpPolicy.prefault({}).describe('What agents may do through `airlock mcp`.'),
  memory: memoryPolicy.prefault({}).describe('Notes that are kept with the consent of a person, under `home/memory`.'),
  remote: z
    .strictObject({ e2b: z.looseObject({}).optional() })
    .prefault({})
    .describe('Platforms of sandboxes that runs may use.'),
  connections: z.record(connectionName, z.looseObject({ driver: z.string() })),
})

export type AirlockFile = z.output<typeof airlockFile>
