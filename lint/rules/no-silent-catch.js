const NOTHING = new Set(['undefined', 'null', 'void 0', 'false', 'true', '0', "''", '{}', '[]'])

/** An error that is caught is thrown on, counted or told to somebody. A catch without a statement, and a handler that only
 * gives a constant, lose it. A named function whose comment says why nothing is lost may be handed over instead. */
export const noSilentCatch = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { silent: 'This loses the error: rethrow it, count it or tell somebody.' },
  },
  create(context) {
    const { sourceCode } = context
    const isSilent = (handler) => {
      if (handler?.type !== 'ArrowFunctionExpression' && handler?.type !== 'FunctionExpression') return false
      if (handler.body.type === 'BlockStatement') return handler.body.body.every(isEmptyReturn)
      return NOTHING.has(sourceCode.getText(handler.body).replace(/^\((.*)\)$/s, '$1'))
    }
    const isEmptyReturn = (statement) =>
      statement.type === 'EmptyStatement' ||
      (statement.type === 'ReturnStatement' &&
        (statement.argument === null || NOTHING.has(sourceCode.getText(statement.argument))))
    return {
      CatchClause(node) {
        if (node.body.body.length === 0) context.report({ node, messageId: 'silent' })
      },
      CallExpression(node) {
        if (node.callee.type !== 'MemberExpression' || node.callee.property.type !== 'Identifier') return
        const handler = node.callee.property.name === 'catch' ? node.arguments[0] : undefined
        if (isSilent(handler)) context.report({ node: handler, messageId: 'silent' })
      },
    }
  },
}
