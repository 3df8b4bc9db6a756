import { atomicWrites } from './rules/atomic-writes.js'
import { childEnvironment } from './rules/child-environment.js'
import { environmentInConfig } from './rules/environment-in-config.js'
import { lockAsField } from './rules/lock-as-field.js'
import { noEnterWith } from './rules/no-enter-with.js'
import { noSecretInUrl } from './rules/no-secret-in-url.js'
import { noSilentCatch } from './rules/no-silent-catch.js'

/** The project's own rules, one file each, as a plugin of ESLint (https://eslint.org/docs/latest/extend/plugins). */
export const airlock = {
  meta: { name: 'airlock' },
  rules: {
    'atomic-writes': atomicWrites,
    'child-environment': childEnvironment,
    'environment-in-config': environmentInConfig,
    'lock-as-field': lockAsField,
    'no-enter-with': noEnterWith,
    'no-secret-in-url': noSecretInUrl,
    'no-silent-catch': noSilentCatch,
  },
}
