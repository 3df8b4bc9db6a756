import { main } from '../../src/cli/main.js'

/** Runs several command lines one after the other in this process, each as `airlock` would, and prints what each of them
 * printed. For command lines that end before they touch anything: a process for each would cost a second. */
const lines = JSON.parse(process.argv[2] ?? '[]') as readonly (readonly string[])[]
const ended: unknown[] = []
// Each run of main listens to the signals and errors of the process.
process.setMaxListeners(0)
process.stdout.setMaxListeners(0)
process.stderr.setMaxListeners(0)
const write = process.stdout.write.bind(process.stdout)
for (const args of lines) {
  const printed = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    process[name].write = (text: string | Uint8Array) => {
      printed[name] += String(text)
      return true
    }
  }
  process.exitCode = undefined
  await main(args)
  ended.push({ code: process.exitCode ?? 0, signal: null, ...printed, text: printed.stdout + printed.stderr })
}
process.exitCode = 0
write(JSON.stringify(ended))
