import { z } from 'zod'
import type { DriverDeclarations } from '../../src/config/airlock-file.js'
import { commonFields, secret, serverFields, topology } from '../../src/core/config-fields.js'

/** Two drivers as the built-in ones are made: one server, one API with secrets in a union, a list and a map. */
export const drivers = {
  server: {
    config: z.strictObject({ ...commonFields, ...serverFields }),
    urlSchemes: ['server'],
    policies: { zero_dates: ['null', 'error'], time: ['interval', 'time'] },
  },
  api: {
    config: z
      .strictObject({
        ...commonFields,
        endpoint: topology(),
        weight: z.number().optional(),
        auth: z
          .discriminatedUnion('type', [
            z.strictObject({ type: z.literal('bearer'), token: secret() }),
            z.strictObject({ type: z.literal('basic'), user: topology(), password: secret() }),
          ])
          .optional(),
        headers: z.record(z.string(), secret()).optional(),
        proxy: z.union([z.string(), secret()]).optional(),
        keys: z.array(secret()).optional(),
      })
      .refine((config) => config.endpoint !== 'nowhere', { error: 'the endpoint leads nowhere' }),
    policies: {},
  },
} as const satisfies DriverDeclarations
