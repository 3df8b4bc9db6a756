export { type SupabaseConfig, supabaseConfig } from './config.js'
export { supabase, supabaseSpec } from './spec.js'
