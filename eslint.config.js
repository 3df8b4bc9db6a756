import tseslint from 'typescript-eslint'
import { airlock } from './lint/plugin.js'

const off = (...rules) => Object.fromEntries(rules.map((rule) => [rule, 'off']))

// Format and style are Biome's. Here is only what this project must never do; the rules say why.
export default [
  { ignores: ['dist/**', 'node_modules/**'] },
  {
    files: ['src/**/*.ts'],
    languageOptions: { parser: tseslint.parser, parserOptions: { projectService: true } },
    plugins: { airlock, '@typescript-eslint': tseslint.plugin },
    rules: {
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: true }],
      ...Object.fromEntries(Object.keys(airlock.rules).map((rule) => [`airlock/${rule}`, 'error'])),
    },
  },
  { files: ['src/config/**'], rules: off('airlock/environment-in-config') },
  // A target of its own, which writes a temporary file and renames it.
  { files: ['src/drivers/files/**'], rules: off('airlock/atomic-writes') },
  // Files of a new folder that nobody reads before it is complete.
  { files: ['src/demo/**', 'src/testing/**'], rules: off('airlock/atomic-writes') },
  // The harness may look where its servers are.
  { files: ['src/testing/**'], rules: off('airlock/environment-in-config') },
]
