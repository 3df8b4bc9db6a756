/** `enterWith` changes the context of everything that follows, also in code that belongs to somebody else's session. */
export const noEnterWith = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { entered: 'Use `run`: `enterWith` leaks the session into whatever runs next.' },
  },
  create(context) {
    return {
      'MemberExpression[property.name="enterWith"]'(node) {
        context.report({ node, messageId: 'entered' })
      },
    }
  },
}
