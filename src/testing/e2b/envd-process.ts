import { readFrame } from './connect-frames.js'
import { Deadline } from './deadline.js'
import type { Exchange } from './exchange.js'
import type { E2BPoint, FaultAt } from './faults.js'
import type { Fleet } from './fleet.js'
import type { GuestProcess, ProcessConfig } from './guest-process.js'
import { OutputStream } from './output-stream.js'
import { Refusal } from './refusal.js'
import type { Sandbox } from './sandbox.js'
import { type StreamActions, StreamFaults } from './stream-faults.js'

type Call = (exchange: Exchange, sandbox: Sandbox) => Promise<void>
/** Of a request whose answer is the output of a command. */
type OutputExchange = Exchange<'start'> | Exchange<'reattach'>
type Fields = Readonly<Record<string, unknown>>

const SIGNALS: Readonly<Record<string, 'SIGKILL' | 'SIGTERM'>> = {
  SIGNAL_SIGKILL: 'SIGKILL',
  SIGNAL_SIGTERM: 'SIGTERM',
}

/** The unary procedures of envd's processes, by point. */
export const PROCESS_CALLS: Readonly<Partial<Record<E2BPoint, Call>>> = {
  processes: (exchange, sandbox) =>
    unary(exchange, async () => ({
      processes: [...sandbox.processes.values()].map(({ pid, tag, config }) => ({ pid, tag, config })),
    })),
  stdin: (exchange, sandbox) =>
    unary(exchange, async (fields, fault) => {
      const { stdin } = fieldsOf(fields['input'])
      if (typeof stdin !== 'string') throw Refusal.rpc('unimplemented', 'only stdin is served')
      if (fault?.kind === 'refused') throw Refusal.rpc('internal', 'error writing to stdin: injected')
      await processOf(sandbox, fields).write(Buffer.from(stdin, 'base64'))
      return {}
    }),
  closeStdin: (exchange, sandbox) =>
    unary(exchange, async (fields) => {
      processOf(sandbox, fields).closeStdin()
      return {}
    }),
  signal: (exchange, sandbox) =>
    unary(exchange, async (fields) => {
      const signal = SIGNALS[String(fields['signal'])]
      if (signal === undefined) throw Refusal.rpc('unimplemented', 'only SIGKILL and SIGTERM are served')
      processOf(sandbox, fields).signal(signal)
      return {}
    }),
}

async function unary(
  exchange: Exchange,
  act: (fields: Fields, fault: { readonly kind: string } | undefined) => Promise<object>,
): Promise<void> {
  const fields = await exchange.json()
  await exchange.answer(async (fault) => ({ status: 200, body: await act(fields, fault) }))
}

/** `Start`: begins a command and streams what it writes. The command does not depend on the stream. */
export async function startCommand(exchange: Exchange<'start'>, sandbox: Sandbox, fleet: Fleet): Promise<void> {
  const message = await messageOf(exchange)
  const config = configOf(fieldsOf(message['process']))
  if (message['pty'] !== undefined) throw Refusal.rpc('unimplemented', 'terminals are not part of this server')
  const line = [config.cmd, ...config.args].join(' ')
  await exchange.answer(async () => {
    const tag = typeof message['tag'] === 'string' ? message['tag'] : undefined
    const command = await sandbox.start(config, tag, message['stdin'] !== false)
    // The deadline is the command's, whether anybody follows it or not. The stream is told first.
    const deadline = new Deadline(exchange.header('connect-timeout-ms'), () => command.signal('SIGKILL'))
    void command.ended.then(() => deadline.clear())
    return { status: 200, send: () => follow(exchange, sandbox, command, fleet, deadline) }
  }, [line])
}

/** `Connect`: streams what a command writes from now on; of one that has ended lately, how it ended. */
export async function followCommand(exchange: Exchange<'reattach'>, sandbox: Sandbox, fleet: Fleet): Promise<void> {
  const message = await messageOf(exchange)
  const { pid } = fieldsOf(message['process'])
  await exchange.answer(async () => {
    const ended = sandbox.retained.get(Number(pid))
    if (ended === undefined) {
      const command = processOf(sandbox, message)
      const deadline = new Deadline(exchange.header('connect-timeout-ms'))
      return { status: 200, send: () => follow(exchange, sandbox, command, fleet, deadline) }
    }
    const send = async (): Promise<void> => {
      const output = new OutputStream(exchange.response, keepaliveOf(exchange))
      await output.start(Number(pid))
      await output.end(ended)
      output.finish()
    }
    return { status: 200, send }
  })
}

async function follow(
  exchange: OutputExchange,
  sandbox: Sandbox,
  command: GuestProcess,
  fleet: Fleet,
  deadline: Deadline,
): Promise<void> {
  const output = new OutputStream(exchange.response, keepaliveOf(exchange))
  const line = [command.config.cmd, ...command.config.args].join(' ')
  const armed = exchange.injector.ofStream({ sandbox: sandbox.id, paths: [line] })
  const actions: StreamActions = {
    note: (kind) => exchange.record.faults.push(kind),
    act: (kind, fault) => act(kind, fault, output, sandbox, command, fleet),
  }
  const faults = new StreamFaults(armed, actions, {
    data: (kind, chunk) => output.data(kind, chunk),
    end: async (event) => {
      if (event !== undefined) await output.end(event)
      output.finish()
    },
  })
  const unlisten = command.listen(faults)
  deadline.onExceeded(() => output.finish({ code: 'deadline_exceeded', message: 'context deadline exceeded' }))
  await output.start(command.pid)
  faults.begin()
  await output.closed
  unlisten()
}

function act(
  kind: Parameters<StreamActions['act']>[0],
  fault: FaultAt<'stream'>,
  output: OutputStream,
  sandbox: Sandbox,
  command: GuestProcess,
  fleet: Fleet,
): boolean {
  switch (kind) {
    case 'cut':
      output.cut()
      return false
    case 'stop':
      command.signalGroup('SIGSTOP')
      return true
    case 'process-killed':
      command.signalGroup('SIGKILL')
      return true
    case 'exit':
      command.exit(fault.exitCode ?? 1)
      return true
    case 'sandbox-killed':
      void fleet.end(sandbox)
      return false
    case 'sandbox-expired':
      void fleet.expire(sandbox)
      return false
  }
}

async function messageOf(exchange: OutputExchange): Promise<Fields> {
  const body = await exchange.body()
  try {
    return fieldsOf(readFrame(body))
  } catch (error) {
    throw Refusal.rpc('invalid_argument', `the request is no frame: ${(error as Error).name}`)
  }
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {}
}

function configOf({ cmd, args, envs, cwd }: Fields): ProcessConfig {
  const strings = Array.isArray(args) ? args.map(String) : []
  const variables = Object.entries(fieldsOf(envs)).map(([name, value]) => [name, String(value)])
  return {
    cmd: String(cmd ?? ''),
    args: strings,
    envs: Object.fromEntries(variables),
    ...(typeof cwd === 'string' ? { cwd } : {}),
  }
}

/** The live command that a selector means, by its id or its tag. */
function processOf(sandbox: Sandbox, fields: Fields): GuestProcess {
  const { pid, tag } = fieldsOf(fields['process'])
  const byTag = [...sandbox.processes.values()].find((command) => tag !== undefined && command.tag === tag)
  const found = pid === undefined ? byTag : sandbox.processes.get(Number(pid))
  if (found === undefined) throw Refusal.rpc('not_found', `process with pid ${Number(pid)} not found`)
  return found
}

function keepaliveOf(exchange: OutputExchange): number {
  return Number(exchange.header('keepalive-ping-interval') ?? 0) || 0
}
