import { conformPooled } from './supabase-pooled.js'

conformPooled('transaction_pooler', 'transaction')
