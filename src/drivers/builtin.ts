import type { Driver } from '../core/define-driver.js'
import { files } from './files/index.js'
import { graphql } from './graphql/index.js'
import { mysql } from './mysql/index.js'
import { postgres } from './postgres/index.js'
import { supabase, supabaseRest } from './supabase/index.js'

/** Every driver that a configuration can name, by its `driver:` word. Adding a driver is adding a line here. */
export const builtinDrivers = {
  files,
  mysql,
  postgres,
  supabase,
  'supabase-rest': supabaseRest,
  graphql,
} as const satisfies Record<string, unknown>

export type DriverName = keyof typeof builtinDrivers

/** The driver of a `driver:` word, for callers that learn the word at run time. */
export function findDriver(name: string): Driver | undefined {
  return Object.hasOwn(builtinDrivers, name) ? (builtinDrivers[name as DriverName] as unknown as Driver) : undefined
}
