/** A secret reference as it was written, taken apart. */
export type SecretReference =
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'cmd'; readonly command: string }

/** Why a text is not one whole secret reference. */
export type ReferenceProblem = 'literal' | 'malformed'

const VARIABLE = '[A-Za-z_][A-Za-z0-9_]*'
const WHOLE_ENV = new RegExp(`^\\$\\{env:(${VARIABLE})\\}$`)
const WHOLE_FILE = /^\$\{file:([^{}\0]+)\}$/
const WHOLE_CMD = /^\$\{cmd:([^\0]+)\}$/
const EMBEDDED_ENV = new RegExp(`\\$\\{env:(${VARIABLE})(?::-([^{}]*))?\\}`, 'g')

/** Parses `${env:NAME}`, `${file:path}` or `${cmd:…}` that is the whole text. Everything else is `literal`: text around
 * a reference, a default, a secret written out. */
export function parseSecretReference(text: string): SecretReference | undefined {
  const env = WHOLE_ENV.exec(text)
  if (env !== null) return { kind: 'env', name: env[1]! }
  const file = WHOLE_FILE.exec(text)
  if (file !== null) return { kind: 'file', path: file[1]!.trim() }
  const cmd = WHOLE_CMD.exec(text)
  if (cmd !== null) return { kind: 'cmd', command: cmd[1]!.trim() }
  return undefined
}

/** Whether a text that is not secret holds a reference, well-formed or not. */
export function holdsReference(text: string): boolean {
  return text.includes('${')
}

/** Whether every `${` of a text begins `${env:NAME}` or `${env:NAME:-default}`, the references that fields which are not
 * secret may hold. */
export function isEnvTemplate(text: string): boolean {
  return !holdsReference(text.replace(EMBEDDED_ENV, ''))
}

/** Fills the `${env:NAME}` and `${env:NAME:-default}` places of a text. As in a shell, an empty variable counts as
 * absent. Returns undefined where one is absent and has no default. */
export function fillEnvTemplate(text: string, lookup: (name: string) => string | undefined): string | undefined {
  let complete = true
  const filled = text.replace(EMBEDDED_ENV, (_, name: string, fallback: string | undefined) => {
    const value = lookup(name) || fallback
    if (value === undefined) complete = false
    return value ?? ''
  })
  return complete ? filled : undefined
}
