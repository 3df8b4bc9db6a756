/** Things that only work when everybody uses the same one. */
const SHARED = /^(Mutex|Semaphore|SingleFlight|GroupCommitter|KeyedRegistry|Queue|PQueue|RateLimiter)$/
const SHARED_CALLS = /^(pLimit|withTimeout)$/

/** A lock, a queue or a limiter made in a function body is made anew with each call and excludes nobody. It belongs in a
 * field: made by a field's initialiser, in a constructor or in a module's scope. */
export const lockAsField = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { made: '{{name}} is made in a function body, so every call gets its own: make it a field.' },
  },
  create(context) {
    const check = (node, name) => {
      if (inFunctionBody(node)) context.report({ node, messageId: 'made', data: { name } })
    }
    return {
      NewExpression(node) {
        if (node.callee.type === 'Identifier' && SHARED.test(node.callee.name)) check(node, node.callee.name)
      },
      CallExpression(node) {
        if (node.callee.type === 'Identifier' && SHARED_CALLS.test(node.callee.name)) check(node, node.callee.name)
      },
    }
  },
}

/** Whether the nearest function around a node is anything but a constructor. */
function inFunctionBody(node) {
  for (let at = node; at.parent; at = at.parent) {
    const { parent } = at
    if (parent.type === 'PropertyDefinition' || parent.type === 'StaticBlock') return false
    if (!/Function/.test(parent.type)) continue
    return !(parent.parent.type === 'MethodDefinition' && parent.parent.kind === 'constructor')
  }
  return false
}
