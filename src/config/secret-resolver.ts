import { resolve } from 'node:path'
import { parseConnectionUrl } from '../masking/dsn/index.js'
import { Secret } from '../masking/secret.js'
import type { Variables } from './environment.js'
import { type FieldPath, fieldError, formatPath, formatPlace, invalidField, type PlaceMap } from './place.js'
import { parseSecretReference, type SecretReference } from './reference.js'
import { runSecretCommand } from './secret-command.js'
import { readSecretFile } from './secret-file.js'
import { unresolved } from './secret-text.js'
import { splitArguments } from './split-arguments.js'

export interface SecretResolverOptions {
  readonly file: PlaceMap
  /** Absolute folder that `${file:…}` is relative to and `${cmd:…}` runs in. */
  readonly folder: string
  readonly variables: Variables
  readonly allowCommands: boolean
  /** The user that secret files must belong to; undefined where the system has no such thing. */
  readonly userId: number | undefined
  /** Told of every secret before anyone else sees it, and of the password inside a connection URL. */
  readonly onSecret: (secret: Secret<string>) => void
}

/** Turns the references of one configuration file into secrets. */
export class SecretResolver {
  #options: SecretResolverOptions

  constructor(options: SecretResolverOptions) {
    this.#options = options
  }

  /** Checks how a secret is written, without resolving it. Throws SECRET_LITERAL for anything but one whole reference,
   * also for text around one and for a default; CONFIG_INVALID for an empty field, and for a `${cmd:…}` that is not
   * allowed or cannot be split. */
  check(path: FieldPath, written: unknown): SecretReference {
    const { file, allowCommands } = this.#options
    if (written === null || written === '') throw invalidField(file, path, 'expected a reference such as ${env:NAME}')
    const reference = typeof written === 'string' ? parseSecretReference(written.trim()) : undefined
    if (reference === undefined) throw fieldError('SECRET_LITERAL', file, path)
    if (reference.kind === 'cmd') {
      if (!allowCommands) throw invalidField(file, path, 'a ${cmd:…} reference needs `allow_cmd: true` in this file')
      if (splitArguments(reference.command) === undefined) {
        throw invalidField(file, path, 'a quote of the command is not closed')
      }
    }
    return reference
  }

  /** The secret that a reference gives. Throws what `check` throws, SECRET_UNRESOLVED where it gives nothing, and
   * SECRET_FILE_OPEN for a file that others may read or that belongs to somebody else. */
  async resolve(path: FieldPath, written: unknown): Promise<Secret<string>> {
    return this.#register(path, await this.#read(this.check(path, written), formatPlace(this.#options.file, path)))
  }

  /** As `resolve`, for a connection URL: the password in it is a secret of its own, because it also turns up alone.
   * Throws DSN_REFUSED for a URL that is not one of `schemes`. */
  async resolveUrl(path: FieldPath, written: unknown, schemes: readonly string[]): Promise<Secret<string>> {
    const url = await this.resolve(path, written)
    const { password } = parseConnectionUrl(url.reveal(), { schemes, allowSeveralHosts: true })
    if (password !== undefined) this.#register(path, password)
    return url
  }

  #register(path: FieldPath, text: string): Secret<string> {
    const secret = new Secret(text, formatPath(path))
    this.#options.onSecret(secret)
    return secret
  }

  async #read(reference: SecretReference, at: string): Promise<string> {
    const { folder, variables, userId } = this.#options
    switch (reference.kind) {
      case 'env': {
        const text = variables[reference.name]
        if (text === undefined || text === '') throw unresolved(at)
        return text
      }
      case 'file':
        return await readSecretFile(resolve(folder, reference.path), at, userId)
      case 'cmd':
        return await runSecretCommand(splitArguments(reference.command) ?? [], { at, folder, variables })
    }
  }
}
