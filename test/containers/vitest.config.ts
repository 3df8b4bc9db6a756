import { defineConfig } from 'vitest/config'

const ENGINES = ['test/containers/*.spec.ts', 'test/testing/engines/{shared,ladder}.test.ts']
const MYSQL = ['test/conformance/mysql.test.ts', 'test/drivers/mysql-*.test.ts']
const POSTGRES = ['test/conformance/postgres.test.ts', 'test/drivers/postgres-*.test.ts']
const globalSetup = ['test/containers/global.ts']

/** `npm run test:containers`: the conformance suites and the tests of drivers and engines, on servers in containers, once
 * for each of the two servers that speak MySQL's protocol. */
// biome-ignore lint/style/noDefaultExport: vitest reads it
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'mysql', include: [...ENGINES, ...MYSQL, ...POSTGRES], globalSetup } },
      { extends: true, test: { name: 'mariadb', include: [...ENGINES, ...MYSQL], globalSetup } },
    ],
  },
})
