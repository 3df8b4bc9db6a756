/** Secret places below one place of an object. */
export interface PathTree {
  readonly secret: boolean
  /** Nothing is secret here or below. */
  readonly isEmpty: boolean
  /** What is known below a member or an element. */
  below(key: string): readonly PathTree[]
}

class Node implements PathTree {
  secret = false
  readonly #children = new Map<string, Node>()

  get isEmpty(): boolean {
    return !this.secret && this.#children.size === 0
  }

  child(segment: string): Node {
    const known = this.#children.get(segment)
    if (known) return known
    const node = new Node()
    this.#children.set(segment, node)
    return node
  }

  below(key: string): readonly PathTree[] {
    const named = this.#children.get(key)
    const any = this.#children.get('*')
    return [named, any].filter((node) => node !== undefined)
  }
}

/** Reads JSON pointers (RFC 6901) into a tree. A segment `*` stands for any name or index; `""` is the whole value. */
export function parsePaths(pointers: readonly string[]): PathTree {
  const root = new Node()
  for (const pointer of pointers) {
    let node = root
    for (const segment of pointer.split('/').slice(pointer.startsWith('/') ? 1 : 0)) {
      if (segment === '' && pointer === '') continue
      node = node.child(segment.replaceAll('~1', '/').replaceAll('~0', '~'))
    }
    node.secret = true
  }
  return root
}
