import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import type { DriverDeclarations } from '../../src/config/airlock-file.js'
import { airlockJsonSchema, pipelineJsonSchema } from '../../src/config/json-schema.js'
import { builtinDrivers } from '../../src/drivers/builtin.js'
import { remoteSettings } from '../../src/remote/remote-settings.js'
import { drivers } from './drivers.js'

const printed = (schema: unknown) => `${JSON.stringify(schema, null, 2)}\n`

const builtin: DriverDeclarations = Object.fromEntries(
  Object.entries(builtinDrivers).map(([name, driver]) => [name, driver.spec]),
)

/** Whether a YAML text fits a JSON Schema. */
function fits(schema: unknown, text: string): boolean {
  return z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]).safeParse(parse(text)).success
}

describe('the published schemas', () => {
  // `npm run schemas` writes them.
  test('schemas/airlock.schema.json is up to date', async () => {
    await expect(printed(airlockJsonSchema(builtin, { e2b: { config: remoteSettings } }))).toMatchFileSnapshot(
      '../../schemas/airlock.schema.json',
    )
  })

  test('schemas/pipeline.schema.json is up to date', async () => {
    await expect(printed(pipelineJsonSchema())).toMatchFileSnapshot('../../schemas/pipeline.schema.json')
  })
})

describe('airlockJsonSchema', () => {
  const schema = airlockJsonSchema(drivers)
  const connection = (fields: string) => `connections: { shop: { ${fields} } }`

  test.each([
    connection('driver: server, host: h, port: 3306, password: "${env:PW}"'),
    connection('driver: server, port: "${env:PORT:-3306}", read_only: "${env:RO}", password: "${file:pw}"'),
    connection('driver: api, endpoint: e, auth: { type: bearer, token: "${cmd:pass show x}" }, keys: ["${env:K}"]'),
    `home: x\nmask_key: "\${env:KEY}"\ndeny_unmasked: [email]\n${connection('driver: server')}`,
  ])('takes %s', (text) => {
    expect(fits(schema, text)).toBe(true)
  })

  test.each([
    connection('driver: other'),
    connection('host: h'),
    connection('driver: server, pasword: "${env:PW}"'),
    connection('driver: server, password: written-out'),
    connection('driver: server, password: "${env:PW:-written-out}"'),
    connection('driver: server, port: "3306"'),
    connection('driver: api, endpoint: e, auth: { type: bearer, token: written-out }'),
    'connections: { "1": { driver: server } }',
    'homes: x\nconnections: {}',
    'home: x',
  ])('refuses %s', (text) => {
    expect(fits(schema, text)).toBe(false)
  })

  test('does not name the internal roles of fields', () => {
    expect(printed(schema)).not.toContain('"airlock"')
  })
})

describe('pipelineJsonSchema', () => {
  const schema = pipelineJsonSchema()

  test('takes a pipeline and refuses an unknown key', () => {
    const text =
      'source: a\ntarget: b\ndefaults: { mode: upsert }\nstreams: { orders: , lines: { mask: { x: { rule: hash } } } }'
    expect(fits(schema, text)).toBe(true)
    expect(fits(schema, text.replace('mask', 'masq'))).toBe(false)
    expect(fits(schema, text.replace('upsert', 'upsrt'))).toBe(false)
  })
})
