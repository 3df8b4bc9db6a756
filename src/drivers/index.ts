export { graphql } from './graphql/index.js'
export { mysql } from './mysql/index.js'
export { postgres } from './postgres/index.js'
export { supabase, supabaseRest } from './supabase/index.js'
