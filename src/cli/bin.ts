#!/usr/bin/env node
import { nameRuntime } from '../core/name-runtime.js'
import { version } from './version.js'

// Answered before anything else is loaded: start-up time is what a script that asks for the version notices.
if (process.argv.length === 3 && (process.argv[2] === '--version' || process.argv[2] === '-V')) {
  process.stdout.write(`${version()}\n`)
} else {
  nameRuntime()
  const { main } = await import('./main.js')
  await main(process.argv.slice(2))
}
