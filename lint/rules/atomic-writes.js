const TORN = new Set(['writeFile', 'writeFileSync', 'appendFile', 'appendFileSync', 'createWriteStream', 'truncate'])

/** A file that is written in place can be found half written, by another process or after a crash. Files of `home` are
 * replaced as a whole (write-file-atomic) or appended to by the group committer. */
export const atomicWrites = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { torn: '{{name}} can leave half a file behind: use write-file-atomic or the group committer.' },
  },
  create(context) {
    const report = (node, name) => context.report({ node, messageId: 'torn', data: { name } })
    const modules = new Set()
    return {
      ImportDeclaration(node) {
        if (!/^node:fs(\/promises)?$/.test(node.source.value)) return
        for (const specifier of node.specifiers) {
          if (specifier.type !== 'ImportSpecifier') modules.add(specifier.local.name)
          else if (TORN.has(specifier.imported.name)) report(specifier, specifier.imported.name)
        }
      },
      MemberExpression(node) {
        const isModule = node.object.type === 'Identifier' && modules.has(node.object.name)
        if (isModule && TORN.has(node.property.name)) report(node, node.property.name)
      },
    }
  },
}
