/** The logical type of a column: what its canonical cell bytes mean, whatever engine they came from.
 * The canonical bytes of each kind are listed in docs/types.md. */
export type LogicalType =
  | { readonly kind: 'boolean' }
  | { readonly kind: 'int16' }
  | { readonly kind: 'int32' }
  | { readonly kind: 'int64' }
  | { readonly kind: 'uint64' }
  /** Without precision: unconstrained. */
  | { readonly kind: 'decimal'; readonly precision?: number; readonly scale?: number }
  | { readonly kind: 'float32' }
  | { readonly kind: 'float64' }
  /** `length` in characters; without it: unbounded. */
  | { readonly kind: 'text'; readonly length?: number }
  | { readonly kind: 'bytes' }
  /** Canonical bytes are the digits `0` and `1`, `length` of them. */
  | { readonly kind: 'bit'; readonly length: number }
  | { readonly kind: 'date' }
  /** `precision` is the number of fraction digits, 0 to 6. */
  | { readonly kind: 'time'; readonly precision?: number }
  | { readonly kind: 'timestamp'; readonly precision?: number }
  | { readonly kind: 'timestamptz'; readonly precision?: number }
  | { readonly kind: 'interval' }
  | { readonly kind: 'uuid' }
  /** `storage` is what the source calls it, where the source knows two kinds. */
  | { readonly kind: 'json'; readonly storage?: 'json' | 'jsonb' }
  | { readonly kind: 'array'; readonly element: LogicalType }

export type LogicalKind = LogicalType['kind']

/** The name of a type as plans, reports and errors print it, e.g. `decimal(12,2)`, `timestamp(6)`, `array<text>`. */
export function formatType(type: LogicalType): string {
  switch (type.kind) {
    case 'decimal':
      return type.precision === undefined ? 'decimal' : `decimal(${type.precision},${type.scale ?? 0})`
    case 'text':
      return type.length === undefined ? 'text' : `text(${type.length})`
    case 'bit':
      return `bit(${type.length})`
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return type.precision === undefined ? type.kind : `${type.kind}(${type.precision})`
    case 'json':
      return type.storage ?? 'json'
    case 'array':
      return `array<${formatType(type.element)}>`
    default:
      return type.kind
  }
}
