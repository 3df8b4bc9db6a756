const SCHEME = /\b[a-z][a-z0-9+.-]*:\/\//i
const SECRET = /pass(word|wd|phrase)?$|pwd$|secret|token|api_?key|credential/i

/** A connection string or URL that is glued together with a secret in it: the secret then lies in plain text wherever the
 * string goes, and its special characters change what the string means. Secrets travel in fields and headers. */
export const noSecretInUrl = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { glued: 'A URL is put together with a secret in it: give the driver separate fields, HTTP a header.' },
  },
  create(context) {
    const { visitorKeys } = context.sourceCode
    const report = (node) => context.report({ node, messageId: 'glued' })
    return {
      TemplateLiteral(node) {
        const text = node.quasis.map((quasi) => quasi.value.cooked ?? '').join('\0')
        if (SCHEME.test(text) && node.expressions.some((expression) => holdsSecret(expression, visitorKeys)))
          report(node)
      },
      BinaryExpression(node) {
        if (node.operator !== '+' || node.parent.type === 'BinaryExpression') return
        const parts = operands(node)
        const text = parts.map((part) => (typeof part.value === 'string' ? part.value : '\0')).join('')
        if (SCHEME.test(text) && parts.some((part) => holdsSecret(part, visitorKeys))) report(node)
      },
    }
  },
}

function operands(node) {
  return node.type === 'BinaryExpression' && node.operator === '+'
    ? [...operands(node.left), ...operands(node.right)]
    : [node]
}

/** Whether an expression reveals a secret or is called like one. */
function holdsSecret(node, visitorKeys) {
  if (node.type === 'Identifier' && (SECRET.test(node.name) || node.name === 'reveal')) return true
  return (visitorKeys[node.type] ?? []).some((key) => {
    const child = node[key]
    return (Array.isArray(child) ? child : [child]).some((one) => one?.type && holdsSecret(one, visitorKeys))
  })
}
