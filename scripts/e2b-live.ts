/** Checks against a real account what no local server can prove, and prints a table. Costs a few cents:
 * `E2B_API_KEY=… npm run test:e2b-live`. Further variables: `E2B_LIVE_DOMAIN` (e2b.app), `E2B_LIVE_TEMPLATE` (base), and
 * `E2B_LIVE_API_URL` with `E2B_LIVE_SANDBOX_URL` for another platform that speaks the protocol. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Secret } from '../src/masking/index.js'
import { E2BSandboxPort } from '../src/remote/e2b-sandbox-port.js'
import { SandboxFault } from '../src/remote/sandbox-fault.js'
import { metadataOf } from '../src/remote/sandbox-metadata.js'
import type { CommandEnd, CreatedSandbox, NetworkRules } from '../src/remote/sandbox-port.js'

const env = process.env
const key = env['E2B_API_KEY']
if (key === undefined || key === '') {
  console.error('E2B_API_KEY is not set: nothing was checked.')
  process.exit(2)
}
const { E2B_API_KEY: _, ...variables } = env
const port = new E2BSandboxPort({
  connection: {
    apiKey: new Secret(key, 'E2B_API_KEY'),
    domain: env['E2B_LIVE_DOMAIN'] ?? 'e2b.app',
    apiUrl: env['E2B_LIVE_API_URL'],
    sandboxUrl: env['E2B_LIVE_SANDBOX_URL'],
  },
  variables,
})
const deployment = `live-${randomBytes(4).toString('hex')}`
const signal = AbortSignal.timeout(600_000)
const NOWHERE: NetworkRules = { allowOut: [] }
let count = 0

type Outcome = 'pass' | 'FAIL' | 'seen'
interface Line {
  readonly check: string
  readonly outcome: Outcome
  readonly found: string
}
const table: Line[] = []

async function create(network: NetworkRules, ttlSeconds = 120): Promise<CreatedSandbox> {
  count++
  const ids = { deployment, run: deployment, job: `check${count}`, attempt: 1, try: String(count) }
  const metadata = metadataOf({ ...ids, expires: new Date(Date.now() + ttlSeconds * 1000) })
  return await port.create({ template: env['E2B_LIVE_TEMPLATE'] ?? 'base', metadata, ttlSeconds, network }, signal)
}

/** Runs a command to its end; gives what it printed. */
async function output(id: string, command: string, input?: string): Promise<{ text: string; end: CommandEnd }> {
  let text = ''
  const onStdout = (chunk: string) => {
    text += chunk
  }
  const running = await port.start(id, { command, timeoutMs: 60_000, onStdout, onStderr: onStdout }, signal)
  if (input !== undefined) await running.write(input, signal)
  return { end: await running.ended, text: text.trim() }
}

async function check(name: string, work: () => Promise<readonly [Outcome, string]>): Promise<void> {
  try {
    const [outcome, found] = await work()
    table.push({ check: name, outcome, found })
  } catch (error) {
    const found = error instanceof SandboxFault ? `fault: ${error.faultClass}` : 'an error that is not ours'
    table.push({ check: name, outcome: 'FAIL', found })
  }
  console.error(`${table.at(-1)!.outcome.padEnd(4)} ${name}`)
}

const verdict = (ok: boolean): Outcome => (ok ? 'pass' : 'FAIL')
/** Dials a port and says what happened to the connection, for how long. */
const dial = (host: string, to: number) =>
  `node -e "const s=require('net').connect(${to},'${host}'),t=Date.now(),say=(w)=>{console.log(w,Date.now()-t>4000?'after seconds':'at once');process.exit()};s.on('connect',()=>{s.on('close',()=>say('accepted, then closed'));setTimeout(()=>say('open'),3000)});s.on('error',(e)=>say(e.code));setTimeout(()=>say('silence'),8000)"`

const started = Date.now()
const sandbox = await create(NOWHERE)
try {
  await check('a sandbox is listed right after it was created', async () => {
    for (let tries = 0; tries < 20; tries++) {
      const found = await port.list({ app: 'airlock', deployment }, signal)
      if (found.some(({ id }) => id === sandbox.id)) return ['pass', `${Date.now() - started} ms after the request`]
      await sleep(500)
    }
    return ['FAIL', 'not within 10 s']
  })
  await check('Node.js of the template is 20.9 or later', async () => {
    const { text } = await output(sandbox.id, 'node -p "process.versions.node + \' \' + process.arch"')
    const [major = 0, minor = 0] = text.split('.').map(Number)
    return [verdict(major > 20 || (major === 20 && minor >= 9)), text.slice(0, 40)]
  })
  await check('the clock is right to a minute', async () => {
    const { text } = await output(sandbox.id, 'date +%s')
    const skew = Math.round(Number(text) - Date.now() / 1000)
    return [verdict(Math.abs(skew) < 60), `${skew} s`]
  })
  await check('1 MiB through standard input arrives whole', async () => {
    const input = `${'x'.repeat(1 << 20)}\n`
    const { text } = await output(sandbox.id, 'head -n 1 | wc -c', input)
    return [verdict(Number(text) === input.length), `${text} bytes`]
  })
  await check('a file comes back byte for byte, from the middle too', async () => {
    const data = randomBytes(3 << 20)
    await port.upload(sandbox.id, 'airlock/live.bin', data, signal)
    const chunks: Uint8Array[] = []
    for await (const chunk of await port.download(sandbox.id, 'airlock/live.bin', 1 << 20, signal)) chunks.push(chunk)
    return [verdict(Buffer.concat(chunks).equals(data.subarray(1 << 20))), `${Buffer.concat(chunks).length} bytes`]
  })
  for (const to of [3306, 5432, 6543]) {
    await check(`port ${to} of an address that is not allowed cannot be used`, async () => {
      const { text } = await output(sandbox.id, dial('1.1.1.1', to))
      return [verdict(!text.startsWith('open')), text]
    })
  }
  await check('HTTPS to a host that is not allowed fails', async () => {
    const { text } = await output(
      sandbox.id,
      'curl -sS -o /dev/null -w "%{http_code}" --max-time 8 https://example.com || true',
    )
    return [verdict(!/^[23]\d\d$/.test(text)), text.slice(0, 60)]
  })
  await check('narrowing and widening the network takes effect', async () => {
    await port.restrict(sandbox.id, { allowOut: ['1.1.1.1/32'] }, signal)
    const open = await output(sandbox.id, dial('1.1.1.1', 443))
    await port.restrict(sandbox.id, NOWHERE, signal)
    const closed = await output(sandbox.id, dial('1.1.1.1', 443))
    return [verdict(open.text.startsWith('open') && !closed.text.startsWith('open')), `${open.text} / ${closed.text}`]
  })
  await check('metrics are there', async () => {
    const metrics = await port.metrics(sandbox.id, signal)
    return ['seen', metrics === undefined ? 'none yet' : `${Math.round(metrics.memoryBytes / 1048576)} MiB`]
  })
  await check('a sandbox that is killed is told apart from a lost connection', async () => {
    await port.kill(sandbox.id, signal)
    try {
      await port.sizeOf(sandbox.id, 'airlock/live.bin', signal)
      return ['FAIL', 'it still answers']
    } catch (error) {
      const found = error instanceof SandboxFault ? error.faultClass : 'unknown'
      return [verdict(found === 'gone'), found]
    }
  })
  await check('a sandbox ends by itself when nobody extends it', async () => {
    const brief = await create(NOWHERE, 15)
    await sleep(30_000)
    return [verdict(!(await port.isHealthy(brief.id, signal))), '15 s were asked for, looked after 30 s']
  })
  await check('nothing of this is left', async () => {
    for (const { id } of await port.list({ app: 'airlock', deployment }, signal)) await port.kill(id, signal)
    const left = await port.list({ app: 'airlock', deployment }, signal)
    return [verdict(left.length === 0), `${left.length} left`]
  })
} finally {
  await port.kill(sandbox.id, AbortSignal.timeout(20_000))
  await port.close()
}
const width = Math.max(...table.map(({ check }) => check.length))
for (const { check, outcome, found } of table) console.log(`${outcome.padEnd(5)} ${check.padEnd(width)}  ${found}`)
process.exitCode = table.some(({ outcome }) => outcome === 'FAIL') ? 1 : 0
