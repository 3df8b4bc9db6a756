/** How pages follow one another. Variables are names of the document's variables, without the dollar sign. */
export type GraphqlPaging =
  /** Everything is in one answer. */
  | { readonly kind: 'none' }
  /** `pageInfo { hasNextPage endCursor }` of a connection; the variable is the one of its argument `after`. */
  | { readonly kind: 'relay'; readonly size?: number }
  /** `next` is the path of the next cursor in `data`; none, null or an empty text is the end. */
  | {
      readonly kind: 'cursor'
      readonly next: string
      readonly variable: string
      readonly size?: number
      readonly sizeVariable?: string
    }
  /** The variable counts records; an empty page is the end. */
  | { readonly kind: 'offset'; readonly variable: string; readonly size?: number; readonly sizeVariable?: string }
  /** The variable counts pages from `first` (1) on; an empty page is the end. */
  | {
      readonly kind: 'page'
      readonly variable: string
      readonly first?: number
      readonly size?: number
      readonly sizeVariable?: string
    }

/** Where a column's value stands in a record, and its type where the schema does not say it. */
export interface GraphqlField {
  /** Response names, joined by dots. */
  readonly path: string
  /** A logical type by its name, e.g. `int64` or `decimal`. */
  readonly type?: string
}

/** How the further pages of a connection within a record are asked for, where the schema has no `node(id:)`. */
export interface GraphqlNested {
  /** A query for one record's connection. */
  readonly document: string
  /** Path of the connection in the answer's `data`. */
  readonly records: string
  /** Variable → path in the record. */
  readonly variables: Readonly<Record<string, string>>
  /** The variable of the cursor. */
  readonly after: string
}

/** What to read from a GraphQL API. */
export interface GraphqlRead {
  /** One query, with fragments where it needs them. */
  readonly document: string
  /** Plain JSON values. */
  readonly variables?: Readonly<Record<string, unknown>>
  /** Path of the records in `data`: a list, or a connection, whose nodes are the records. Where it is not given, the
   * document's only root field. */
  readonly records?: string
  /** Column → field. Where it is not given, a column for each field of a record. */
  readonly fields?: Readonly<Record<string, GraphqlField>>
  /** Found out from the document where it is not given: `relay` for a connection, else `none`. */
  readonly paging?: GraphqlPaging
  /** More pages than these are an error (100 000). */
  readonly maxPages?: number
  /** What an answer with both `errors` and `data` is: a failure, where it is not given. */
  readonly partial?: 'fail' | 'allow'
  /** By the column of the connection. */
  readonly nested?: Readonly<Record<string, GraphqlNested>>
}

/** How rows are written to a GraphQL API. */
export interface GraphqlWrite {
  /** One mutation. */
  readonly document: string
  /** Column → path in the variables, e.g. `input.email`, or in an element of `rows`. A column that is not here goes to the
   * variable of its own name, or into the only variable where that is an object. */
  readonly columns?: Readonly<Record<string, string>>
  /** Further variables: plain JSON values. */
  readonly variables?: Readonly<Record<string, unknown>>
  /** Path of the list in the variables that takes the rows; without it a mutation takes one row. */
  readonly rows?: string
  /** Rows of a request, for `rows` (100). */
  readonly batch?: number
  /** Requests at one time (1). */
  readonly concurrency?: number
  /** Header that carries a hash of what is written, by which the server tells a request that it has seen. */
  readonly idempotencyHeader?: string
  /** Path in `data` of a list that is empty where nothing went wrong, e.g. `orderCreate.userErrors`. */
  readonly errors?: string
  /** Path in `data` of a number that has to be that of the rows, e.g. `insert_orders.affected_rows`. */
  readonly count?: string
  /** Stops after so many rejected rows. */
  readonly maxRejected?: number
  /** File for the keys of rejected rows; their other values are left out. */
  readonly quarantine?: { readonly path: string; readonly maxBytes?: number }
}
