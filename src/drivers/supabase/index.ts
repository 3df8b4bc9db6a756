export { type SupabaseConfig, supabaseConfig } from './config.js'
export { type SupabaseRestConfig, supabaseRestConfig } from './rest/config.js'
export { supabaseRest, supabaseRestSpec } from './rest/spec.js'
export { supabase, supabaseSpec } from './spec.js'
