const STARTERS = new Set(['spawn', 'spawnSync', 'fork', 'exec', 'execSync', 'execFile', 'execFileSync'])

/** A child process gets the whole environment, secrets included, unless it is told which variables it may have. */
export const childEnvironment = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      missing: 'Without `env` the child gets every variable, secrets included: give it those that it needs.',
      whole: 'The child gets the whole environment, secrets included: give it those variables that it needs.',
    },
  },
  create(context) {
    const imported = new Set()
    return {
      ImportDeclaration(node) {
        if (node.source.value !== 'node:child_process') return
        for (const { local, imported: original } of node.specifiers) {
          if (original && STARTERS.has(original.name)) imported.add(local.name)
        }
      },
      CallExpression(node) {
        if (node.callee.type !== 'Identifier' || !imported.has(node.callee.name)) return
        const options = node.arguments.find((argument) => argument.type === 'ObjectExpression')
        const env = options?.properties.find((property) => property.key?.name === 'env')
        if (env === undefined) context.report({ node, messageId: 'missing' })
        else if (isWhole(env.value)) context.report({ node: env, messageId: 'whole' })
      },
    }
  },
}

function isWhole(value) {
  if (value.type === 'MemberExpression') return value.object.name === 'process' && value.property.name === 'env'
  if (value.type !== 'ObjectExpression') return false
  return value.properties.some((property) => property.type === 'SpreadElement' && isWhole(property.argument))
}
