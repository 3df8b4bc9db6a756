import { dirname, resolve } from 'node:path'
import { suggest } from '../core/suggest.js'
import { Secret } from '../masking/secret.js'
import { type AirlockFile, airlockFile, type DriverDeclarations, type RemoteDeclarations } from './airlock-file.js'
import { Config, type ConfigParts, type DeclaredConnection } from './config.js'
import { withEnvFile } from './env-file.js'
import { readEnvironment, type Variables } from './environment.js'
import { FieldResolver } from './field-resolver.js'
import { findConfig } from './find-config.js'
import { fieldError, invalidField, printableFile } from './place.js'
import { queryMasks } from './query-masks.js'
import { readTextFile, type TextFile } from './read-text-file.js'
import { fillEnvTemplate, isEnvTemplate } from './reference.js'
import { schemaProblem } from './schema-problems.js'
import { SecretResolver } from './secret-resolver.js'
import { parseYamlFile, type YamlFile } from './yaml-file.js'

export interface LoadConfigOptions {
  /** The file, relative to `cwd`. Without it: `AIRLOCK_CONFIG`, else the nearest airlock.yaml from `cwd` upwards. */
  readonly file?: string | undefined
  readonly cwd: string
  readonly env: Variables
  readonly drivers: DriverDeclarations
  readonly remotes?: RemoteDeclarations
  /** Told of every secret as soon as it is known, before the connection that needs it is handed out. */
  readonly onSecret: (secret: Secret<string>) => void
  /** The user that secret files must belong to (the one of this process). */
  readonly userId?: number | undefined
}

/** Loads and checks airlock.yaml: everything but the values behind its references, which `Config` resolves per connection.
 * Throws CONFIG_NOT_FOUND, CONFIG_UNKNOWN_KEY, DRIVER_UNKNOWN, SECRET_LITERAL and CONFIG_INVALID; each names the field
 * and the line, never a value. */
export async function loadConfig(options: LoadConfigOptions): Promise<Config> {
  const environment = readEnvironment(options.env)
  const userId = 'userId' in options ? options.userId : process.getuid?.()
  const given = options.file ?? environment.configFile
  const path = given === undefined ? findConfig(options.cwd) : resolve(options.cwd, given)
  const folder = dirname(path)
  const text = await readTextFile(path)
  const yaml = parseYamlFile(text.text, printableFile(path))
  const foundAbove = given === undefined && folder !== resolve(options.cwd)
  refuseForeign(yaml, text, userId, foundAbove)
  const variables = await withEnvFile(yaml, folder, environment.variables, userId)
  const secrets = new SecretResolver({
    file: yaml,
    folder,
    variables,
    allowCommands: yaml.value['allow_cmd'] === true,
    userId,
    onSecret: options.onSecret,
  })
  const fields = new FieldResolver({ file: yaml, folder, variables, secrets })
  const maskKey = yaml.value['mask_key']
  if (maskKey !== undefined) secrets.check(['mask_key'], maskKey)
  const file = parseFile(yaml)
  const connections = declare(yaml, file, options.drivers, fields)
  const e2b = declareRemote(file, options.remotes?.e2b, fields)
  return new Config({
    path,
    home:
      environment.home === undefined
        ? resolve(folder, homeOf(yaml, file, variables))
        : resolve(options.cwd, environment.home),
    file,
    maskKey,
    connections,
    e2b,
    queryMasks: queryMasks(yaml, file, [...connections.keys()]),
    fields,
    secrets,
  })
}

/** A file that another user may write decides which programs run and where secrets go. */
function refuseForeign(yaml: YamlFile, file: TextFile, userId: number | undefined, foundAbove: boolean): void {
  if (userId === undefined) return
  const foreign = file.ownerId !== userId && file.ownerId !== 0
  if (foundAbove && foreign) {
    throw invalidField(yaml, [], 'it was found above the current folder and belongs to another user; pass --config')
  }
  if (yaml.value['allow_cmd'] === true && (foreign || (file.mode & 0o002) !== 0)) {
    throw invalidField(yaml, ['allow_cmd'], 'the file can be changed by other users')
  }
}

function homeOf(yaml: YamlFile, { home }: AirlockFile, variables: Variables): string {
  const filled = isEnvTemplate(home) ? fillEnvTemplate(home, (name) => variables[name]) : undefined
  if (filled === undefined) throw invalidField(yaml, ['home'], 'a variable that it refers to is not set')
  return filled
}

function parseFile(yaml: YamlFile): AirlockFile {
  const { mask_key: maskKey, ...rest } = yaml.value
  // Its reference has been checked; the schema wants the secret that it stands for.
  const value = maskKey === undefined ? rest : { ...rest, mask_key: new Secret('stand-in', 'mask_key') }
  const parsed = airlockFile.safeParse(value)
  if (parsed.success) return parsed.data
  throw schemaProblem(parsed.error.issues, { file: yaml, schema: airlockFile, value, base: [] })
}

function declareRemote(
  { remote }: AirlockFile,
  declaration: RemoteDeclarations['e2b'],
  fields: FieldResolver,
): ConfigParts['e2b'] {
  if (declaration === undefined || remote.e2b === undefined) return undefined
  fields.check(['remote', 'e2b'], declaration, remote.e2b)
  return { declaration, written: remote.e2b }
}

function declare(
  yaml: YamlFile,
  file: AirlockFile,
  drivers: DriverDeclarations,
  fields: FieldResolver,
): ReadonlyMap<string, DeclaredConnection> {
  const found = new Map<string, DeclaredConnection>()
  for (const [name, { driver, ...written }] of Object.entries(file.connections)) {
    const path = ['connections', name]
    const declaration = Object.hasOwn(drivers, driver) ? drivers[driver] : undefined
    if (declaration === undefined) {
      throw fieldError('DRIVER_UNKNOWN', yaml, [...path, 'driver'], {
        suggestion: suggest(driver, Object.keys(drivers)),
      })
    }
    fields.check(path, declaration, written)
    found.set(name, { name, driver, declaration, written })
  }
  return found
}
