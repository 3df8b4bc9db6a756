/** A place under `airlock://`. Every part is made of characters that no URI parser changes, so that an address that was
 * handed out comes back byte for byte. */
export type Address =
  | { readonly kind: 'discovery' | 'schema'; readonly connection: string; readonly id: string }
  | { readonly kind: 'run'; readonly id: string }
  | { readonly kind: 'note'; readonly session: string; readonly id: string }
  | { readonly kind: 'audit' | 'errors' }

/** URI templates (RFC 6570) by the kind of what they lead to. */
export const TEMPLATES = {
  discovery: 'airlock://discovery/{connection}/{id}',
  schema: 'airlock://schema/{connection}/{id}',
  run: 'airlock://runs/{id}',
  note: 'airlock://memory/{session}/{id}',
  audit: 'airlock://audit/summary',
  errors: 'airlock://errors',
} as const satisfies Record<Address['kind'], string>

const CONNECTION = '[A-Za-z][A-Za-z0-9_-]{0,62}'
const PATTERNS: Readonly<Record<Address['kind'], RegExp>> = {
  discovery: new RegExp(`^airlock://discovery/(?<connection>${CONNECTION})/(?<id>[0-9a-f]{32})$`),
  schema: new RegExp(`^airlock://schema/(?<connection>${CONNECTION})/(?<id>[0-9a-f]{32})$`),
  run: /^airlock:\/\/runs\/(?<id>\d{8}T\d{6}-[0-9a-f]{6})$/,
  note: /^airlock:\/\/memory\/(?<session>[A-Za-z0-9][A-Za-z0-9_-]{0,63})\/(?<id>[0-9a-f]{24})$/,
  audit: /^airlock:\/\/audit\/summary$/,
  errors: /^airlock:\/\/errors$/,
}

/** The URI of a place. */
export function addressText(address: Address): string {
  const parts: Readonly<Record<string, string>> = { ...address }
  return TEMPLATES[address.kind].replace(/\{(\w+)\}/g, (_, name: string) => parts[name]!)
}

/** The place that a URI names, or undefined for one that names none. The inverse of `addressText`, and of nothing else. */
export function parseAddress(uri: string): Address | undefined {
  for (const kind of Object.keys(PATTERNS) as Address['kind'][]) {
    const found = PATTERNS[kind].exec(uri)
    if (found !== null) return { kind, ...found.groups } as Address
  }
  return undefined
}
