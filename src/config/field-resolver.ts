import { resolve } from 'node:path'
import { z } from 'zod'
import { Secret } from '../masking/secret.js'
import type { DriverDeclaration } from './airlock-file.js'
import type { Variables } from './environment.js'
import { type Field, fieldsOf, replaceFields } from './field-walk.js'
import { type FieldPath, fieldError, invalidField, type PlaceMap } from './place.js'
import { fillEnvTemplate, holdsReference, isEnvTemplate } from './reference.js'
import { schemaProblem } from './schema-problems.js'
import type { SecretResolver } from './secret-resolver.js'

export interface FieldResolverOptions {
  readonly file: PlaceMap
  readonly folder: string
  readonly variables: Variables
  readonly secrets: SecretResolver
}

/** Checks and resolves the fields of connections against their drivers' schemas. */
export class FieldResolver {
  #options: FieldResolverOptions

  constructor(options: FieldResolverOptions) {
    this.#options = options
  }

  /** Checks everything that can be known without resolving a reference. Throws CONFIG_UNKNOWN_KEY, SECRET_LITERAL or
   * CONFIG_INVALID. */
  check(base: FieldPath, driver: DriverDeclaration, written: unknown): void {
    const fields = fieldsOf(driver.config, written)
    const standIns: [FieldPath, unknown][] = []
    const open: FieldPath[] = []
    for (const field of fields) {
      const path = [...base, ...field.path]
      if (field.role === 'secret') {
        this.#options.secrets.check(path, field.value)
        standIns.push([field.path, new Secret('stand-in', 'stand-in')])
      } else if (isReference(field.value)) {
        if (!isEnvTemplate(field.value)) {
          throw invalidField(this.#options.file, path, 'only ${env:NAME} and ${env:NAME:-default} are possible here')
        }
        open.push(field.path)
        standIns.push([field.path, standIn(field)])
      } else if (field.role === 'file' && isPrivateKey(field.value)) {
        throw fieldError('SECRET_LITERAL', this.#options.file, path)
      }
    }
    this.#parse(base, driver, written, replaceFields(written, standIns), open)
  }

  /** The settings of a connection with every reference resolved, paths made absolute and defaults filled in. Throws what
   * `check` throws, SECRET_UNRESOLVED, SECRET_FILE_OPEN and DSN_REFUSED. */
  async resolve(base: FieldPath, driver: DriverDeclaration, written: unknown): Promise<Record<string, unknown>> {
    const replacements: [FieldPath, unknown][] = []
    for (const field of fieldsOf(driver.config, written)) {
      replacements.push([field.path, await this.#value(base, driver, field)])
    }
    return this.#parse(base, driver, written, replaceFields(written, replacements), [])
  }

  async #value(base: FieldPath, driver: DriverDeclaration, field: Field): Promise<unknown> {
    const path = [...base, ...field.path]
    const { secrets, folder } = this.#options
    if (field.role === 'secret') {
      const isUrl = field.path.length === 1 && field.path[0] === 'url' && driver.urlSchemes !== undefined
      return isUrl
        ? await secrets.resolveUrl(path, field.value, driver.urlSchemes)
        : await secrets.resolve(path, field.value)
    }
    const value = isReference(field.value) ? this.#fill(path, field.value, field.schema) : field.value
    // A certificate may come whole through a variable; everything else is a path.
    if (field.role !== 'file' || typeof value !== 'string' || value.startsWith('-----BEGIN')) return value
    return resolve(folder, value)
  }

  #fill(path: FieldPath, text: string, schema: z.ZodType | undefined): unknown {
    const { file, variables } = this.#options
    const filled = fillEnvTemplate(text, (name) => variables[name])
    if (filled === undefined) throw invalidField(file, path, 'a variable that it refers to is not set')
    if (schema instanceof z.ZodNumber) {
      if (!/^-?\d{1,15}(\.\d{1,15})?$/.test(filled)) {
        throw invalidField(file, path, 'the variable does not hold a number')
      }
      return Number(filled)
    }
    if (schema instanceof z.ZodBoolean) {
      if (filled !== 'true' && filled !== 'false') {
        throw invalidField(file, path, 'the variable does not hold true or false')
      }
      return filled === 'true'
    }
    return filled
  }

  /** Applies the schema; leaves out issues about values that are not known yet. */
  #parse(base: FieldPath, driver: DriverDeclaration, written: unknown, value: unknown, open: readonly FieldPath[]) {
    const parsed = driver.config.safeParse(value)
    if (parsed.success) return parsed.data
    const issues = parsed.error.issues.filter((issue) => !open.some((path) => concerns(issue, path)))
    if (issues.length === 0) return {}
    throw schemaProblem(issues, { file: this.#options.file, schema: driver.config, value: written, base })
  }
}

function isReference(value: unknown): value is string {
  return typeof value === 'string' && holdsReference(value)
}

function isPrivateKey(value: unknown): boolean {
  return typeof value === 'string' && /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(value)
}

/** A value of the field's kind in the place of one that is not known yet, so that the schema's rules about several fields
 * still run. */
function standIn({ schema, value }: Field): unknown {
  if (schema instanceof z.ZodNumber) return Math.max(1, schema.minValue ?? 1)
  return schema instanceof z.ZodBoolean ? false : value
}

function concerns(issue: z.core.$ZodIssue, open: FieldPath): boolean {
  const within = issue.path.every((step, index) => step === open[index])
  return within && (issue.path.length === open.length || issue.code === 'invalid_union')
}
