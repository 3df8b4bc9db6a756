import { createHmac } from 'node:crypto'

/** A mask key: the secret itself or anything that reveals one, such as `Secret<string>`. Text counts as UTF-8. */
export type MaskKey = string | Uint8Array | { reveal(): string | Uint8Array }

/** What separates one column's masks from another's: the column itself, or a domain that several columns share so that
 * equal values stay equal across tables. */
export type MaskScope = { readonly column: string; readonly table?: string } | { readonly domain: string }

/** Derives one 256-bit key per purpose and scope from the mask key (HMAC-SHA256 as a PRF in the sense of NIST SP
 * 800-108), so that equal values of unrelated columns or rules never give equal results. */
export interface DerivedKeys {
  derive(purpose: string): Uint8Array
}

/** Binds a mask key to a scope. Returns undefined for an absent or empty key: the rule then refuses to compile. */
export function bindMaskKey(key: MaskKey | undefined, scope: MaskScope): DerivedKeys | undefined {
  if (key === undefined) return undefined
  const revealed = typeof key === 'string' || key instanceof Uint8Array ? key : key.reveal()
  const bytes = typeof revealed === 'string' ? Buffer.from(revealed, 'utf8') : Buffer.from(revealed)
  if (bytes.length === 0) return undefined
  const labels = 'domain' in scope ? ['domain', scope.domain] : ['column', scope.table ?? '', scope.column]
  return {
    derive(purpose) {
      const mac = createHmac('sha256', bytes)
      // The length in front of each label keeps ('a', 'bc') and ('ab', 'c') apart.
      for (const label of ['airlock.mask.v1', purpose, ...labels]) {
        mac.update(`${Buffer.byteLength(label)}:${label}`)
      }
      return mac.digest()
    },
  }
}
