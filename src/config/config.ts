import type { MaskChoices } from '../core/mask-batches.js'
import { suggest } from '../core/suggest.js'
import { AirlockError } from '../errors/index.js'
import type { Secret } from '../masking/secret.js'
import type { AirlockFile, DriverDeclaration } from './airlock-file.js'
import type { FieldResolver } from './field-resolver.js'
import { isPlainName } from './place.js'
import type { SecretResolver } from './secret-resolver.js'

/** A connection as it is written: references stand where secrets will be. */
export interface DeclaredConnection {
  readonly name: string
  readonly driver: string
  readonly declaration: DriverDeclaration
  /** Everything but `driver`. */
  readonly written: Readonly<Record<string, unknown>>
}

/** A connection ready to be opened: `settings` fits the driver's schema, defaults filled in, secrets as `Secret`. */
export interface ResolvedConnection {
  readonly name: string
  readonly driver: string
  readonly settings: Readonly<Record<string, unknown>>
}

/** What a `Config` is made of. */
export interface ConfigParts {
  /** Absolute path of the file. */
  readonly path: string
  /** Absolute path of the folder for everything that Airlock keeps. */
  readonly home: string
  readonly file: AirlockFile
  /** The reference of `mask_key`, as written. */
  readonly maskKey: unknown
  readonly connections: ReadonlyMap<string, DeclaredConnection>
  /** `remote.e2b`, where it is written. */
  readonly e2b: Pick<DeclaredConnection, 'declaration' | 'written'> | undefined
  readonly queryMasks: ReadonlyMap<string, MaskChoices>
  readonly fields: FieldResolver
  readonly secrets: SecretResolver
}

/** A checked airlock.yaml. Secrets are resolved when a connection is asked for, once, and not before: whatever does not
 * use a connection does not need its variables. */
export class Config {
  readonly path: string
  readonly home: string
  readonly connectionNames: readonly string[]
  /** Columns that may only be moved with a mask. */
  readonly denyUnmasked: readonly string[]
  readonly audit: AirlockFile['audit']
  readonly telemetry: AirlockFile['telemetry']
  readonly debug: AirlockFile['debug']
  readonly retention: AirlockFile['retention']
  readonly mcp: AirlockFile['mcp']
  readonly memory: AirlockFile['memory']
  #parts: ConfigParts
  #resolved = new Map<string, Promise<ResolvedConnection>>()
  #maskKey: Promise<Secret<string>> | undefined

  constructor(parts: ConfigParts) {
    this.path = parts.path
    this.home = parts.home
    this.connectionNames = [...parts.connections.keys()]
    this.denyUnmasked = parts.file.deny_unmasked
    this.audit = parts.file.audit
    this.telemetry = parts.file.telemetry
    this.debug = parts.file.debug
    this.retention = parts.file.retention
    this.mcp = parts.file.mcp
    this.memory = parts.file.memory
    this.#parts = parts
  }

  /** A connection as it is written. Throws CONNECTION_UNKNOWN. */
  declaration(name: string): DeclaredConnection {
    const found = this.#parts.connections.get(name)
    if (found !== undefined) return found
    // A URL given in the place of a name may hold a password.
    const at = isPlainName(name) ? name : '(this is no name)'
    const suggestion = suggest(name, this.connectionNames)
    throw new AirlockError('CONNECTION_UNKNOWN', { phase: 'config', params: { at, suggestion } })
  }

  /** A connection with its references resolved. Throws CONNECTION_UNKNOWN, SECRET_UNRESOLVED, SECRET_FILE_OPEN,
   * DSN_REFUSED, and CONFIG_INVALID for a variable that does not fit its field. */
  async connection(name: string): Promise<ResolvedConnection> {
    const found = this.declaration(name)
    let pending = this.#resolved.get(name)
    if (pending === undefined) {
      pending = this.#resolve(found)
      this.#resolved.set(name, pending)
    }
    return await pending
  }

  /** Masks of what queries of a connection show, by column or `table.column`. */
  queryMasks(name: string): MaskChoices {
    return this.#parts.queryMasks.get(name) ?? {}
  }

  /** The key of keyed masks, or undefined where none is configured. Throws SECRET_UNRESOLVED and SECRET_FILE_OPEN. */
  async maskKey(): Promise<Secret<string> | undefined> {
    const { maskKey, secrets } = this.#parts
    if (maskKey === undefined) return undefined
    this.#maskKey ??= secrets.resolve(['mask_key'], maskKey)
    return await this.#maskKey
  }

  /** `remote.e2b` with its references resolved, or undefined where it is not written. Throws what `connection` throws. */
  async e2b(): Promise<Readonly<Record<string, unknown>> | undefined> {
    const { e2b, fields } = this.#parts
    if (e2b === undefined) return undefined
    return await fields.resolve(['remote', 'e2b'], e2b.declaration, e2b.written)
  }

  async #resolve({ name, driver, declaration, written }: DeclaredConnection): Promise<ResolvedConnection> {
    try {
      const settings = await this.#parts.fields.resolve(['connections', name], declaration, written)
      return { name, driver, settings }
    } catch (error) {
      // The next caller may find the file or the password manager ready.
      this.#resolved.delete(name)
      throw error
    }
  }
}
