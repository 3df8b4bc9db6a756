import { conformPooled } from './supabase-pooled.js'

conformPooled('session_pooler', 'session')
