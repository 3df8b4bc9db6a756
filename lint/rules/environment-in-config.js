/** What a program finds around it: the variables of its environment and the user's home directory. Only src/config reads
 * them, so that a library never takes a setting that nobody gave it. */
export const environmentInConfig = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { read: '{{what}} is read here; take it as a parameter, src/config is who reads it.' },
  },
  create(context) {
    const report = (node, what) => context.report({ node, messageId: 'read', data: { what } })
    return {
      MemberExpression(node) {
        const name = node.property.type === 'Identifier' ? node.property.name : node.property.value
        if (node.object.type === 'Identifier' && node.object.name === 'process' && name === 'env') {
          report(node, 'process.env')
        }
        if (name === 'homedir') report(node, 'the home directory')
        if (name === 'HOME' || name === 'USERPROFILE') report(node, name)
      },
      ImportSpecifier(node) {
        if (node.imported.name === 'homedir') report(node, 'the home directory')
        if (node.imported.name === 'env' && node.parent.source.value === 'node:process') report(node, 'process.env')
      },
    }
  },
}
