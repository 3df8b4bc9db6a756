/** What stands for anything hidden in a connection string. */
export const MASK = '***'

const PLACEHOLDER =
  /^(?:\*{3,}|\[REDACTED\]|\$\{[\w.:/]{1,200}\}|\{\{ ?[\w.]{1,200} ?\}\}|<[a-z][a-z _-]{0,60}>|null)$/i

/** Whether a text stands for a secret without being one: empty, `***`, `[REDACTED]`, `${VAR}`, `{{ x }}`, `<token>`,
 * `null`. Masks leave it as it is, so masking twice equals masking once. */
export function isPlaceholder(text: string): boolean {
  return text === '' || PLACEHOLDER.test(text)
}
