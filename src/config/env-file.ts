import { resolve } from 'node:path'
import { parseEnv } from 'node:util'
import type { Variables } from './environment.js'
import { formatPlace, invalidField } from './place.js'
import { readSecretFile } from './secret-file.js'
import type { YamlFile } from './yaml-file.js'

/** The variables that references read: those of the environment, and for names that are not in it those of `env_file`. So
 * a command can have its secrets although whoever starts it has none. The file is held to the rules of secret files: throws
 * SECRET_FILE_OPEN and SECRET_UNRESOLVED. Lines are `NAME=value`, as Node's own `--env-file` reads them. */
export async function withEnvFile(
  yaml: YamlFile,
  folder: string,
  variables: Variables,
  userId: number | undefined,
): Promise<Variables> {
  const written = yaml.value['env_file']
  if (written === undefined) return variables
  const path = ['env_file']
  if (typeof written !== 'string' || written === '') throw invalidField(yaml, path, 'expected the name of a file')
  const text = await readSecretFile(resolve(folder, written), formatPlace(yaml, path), userId)
  const set = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== undefined && value !== ''))
  return Object.freeze({ ...parseEnv(text), ...set })
}
