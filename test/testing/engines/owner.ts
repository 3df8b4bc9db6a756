import { isMissing, startEngine } from '../../../src/testing/index.js'

/** A program that starts an engine, says where it is, and waits: for tests that end the owner. */
const found = await startEngine(process.argv[2] === 'mysql' ? 'mysql' : 'postgres', { binaryOnly: true })
if (isMissing(found)) throw new Error(found.reasons.join('; '))
process.stdout.write(`${JSON.stringify({ pid: found.pid, logFile: found.logFile, port: found.port })}\n`)
if (process.argv[3] === 'wait') setInterval(() => process.stdout.write(''), 60_000)
