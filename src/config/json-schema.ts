import { z } from 'zod'
import { type FieldRole, fieldRole } from '../core/config-fields.js'
import { airlockFile, connectionName, type DriverDeclarations, type RemoteDeclarations } from './airlock-file.js'
import { pipelineFile } from './pipeline-file.js'

/** A JSON Schema of draft 2020-12. */
export type JsonSchema = z.core.JSONSchema.JSONSchema

// The `yaml` language server and most editors find schemas by this name.
const DIALECT = 'https://json-schema.org/draft/2020-12/schema'

const SECRET: JsonSchema = {
  type: 'string',
  pattern: '^\\s*\\$\\{(env:[A-Za-z_][A-Za-z0-9_]*|file:[^{}]+|cmd:.+)\\}\\s*$',
  description: 'A secret, by reference only: ${env:NAME}, ${file:path} or, with allow_cmd, ${cmd:…}.',
}

const TEMPLATE: JsonSchema = {
  type: 'string',
  pattern: '^\\$\\{env:[A-Za-z_][A-Za-z0-9_]*(:-[^{}]*)?\\}$',
}

const ROLE_NOTES: Partial<Record<FieldRole, string>> = {
  topology: 'May hold ${env:NAME}. Shown only with --show-topology.',
  file: 'A path relative to this file.',
}

/** The JSON Schema of airlock.yaml for editors, made from the drivers' own schemas: secrets are described as references,
 * numbers and switches may be given through a variable. */
export function airlockJsonSchema(drivers: DriverDeclarations, remotes: RemoteDeclarations = {}): JsonSchema {
  const connections = Object.entries(drivers).map(([driver, { config }]) => {
    const { type, properties, required, additionalProperties } = convert(config, true)
    return {
      title: driver,
      type,
      properties: { driver: { const: driver }, ...properties },
      required: ['driver', ...(required ?? [])],
      additionalProperties,
    } as JsonSchema
  })
  const root = convert(airlockFile)
  return {
    $schema: DIALECT,
    title: 'airlock.yaml',
    ...root,
    properties: {
      ...root.properties,
      remote: { ...(root.properties?.['remote'] as JsonSchema), properties: remotePlatforms(remotes) },
      connections: {
        type: 'object',
        propertyNames: { pattern: convert(connectionName).pattern },
        additionalProperties: { oneOf: connections },
      },
    },
  } as JsonSchema
}

function remotePlatforms(remotes: RemoteDeclarations): Record<string, JsonSchema> {
  return Object.fromEntries(Object.entries(remotes).map(([name, { config }]) => [name, convert(config, true)]))
}

/** The JSON Schema of a pipeline file, for editors. */
export function pipelineJsonSchema(): JsonSchema {
  return { $schema: DIALECT, title: 'Airlock pipeline', ...convert(pipelineFile) }
}

/** `templates`: numbers, switches and choices may also be given through a variable. */
function convert(schema: z.ZodType, templates = false): JsonSchema {
  const { $schema: _, ...converted } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      const field: z.core.$ZodType = zodSchema
      delete jsonSchema['airlock']
      if (!(field instanceof z.ZodType)) return
      const role = fieldRole(field)
      const note = role === undefined ? undefined : ROLE_NOTES[role]
      if (note !== undefined) jsonSchema.description ??= note
      if (role === 'secret') Object.assign(jsonSchema, SECRET)
      if (templates && (field instanceof z.ZodNumber || field instanceof z.ZodBoolean || field instanceof z.ZodEnum)) {
        const plain = { ...jsonSchema } as JsonSchema
        for (const key of Object.keys(jsonSchema)) delete jsonSchema[key]
        jsonSchema.anyOf = [plain, TEMPLATE]
      }
    },
  })
  return converted
}
