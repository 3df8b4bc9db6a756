import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { appendFile, open } from 'node:fs/promises'
import { join } from 'node:path'
import { Mutex } from 'async-mutex'
import { EventFile } from '../../src/sinks/event-file.js'
import type { AuditLogOptions } from '../../src/sinks/index.js'
import { AuditLog } from '../../src/sinks/index.js'
import { type BenchEvent, type Contender, peer } from './harness.js'

const masker = { value: (v: unknown) => v, text: (s: string) => s }
const line = (event: BenchEvent): string =>
  `${JSON.stringify({ v: 1, ts: new Date().toISOString(), pid: process.pid, host: 'bench-host', session: null, ...event })}\n`

/** Our log: chain and lock on. */
export function audit(name: string, options: Partial<AuditLogOptions>): Contender {
  return {
    name,
    async start(dir) {
      const log = await AuditLog.open({ dir, masker, reserveBytes: 0, ...options })
      return { append: (event) => log.append(event), end: () => log.close() }
    },
  }
}

/** Our event file: the same committer and lock, no chain. */
export const eventFile: Contender = {
  name: 'event file (chain off)',
  async start(dir) {
    const file = new EventFile({
      dir,
      name: 'events',
      maxQueueEvents: 1e6,
      maxQueueBytes: 1e9,
      onDropped: () => fail(),
    })
    return {
      append: (event) => {
        file.post(line(event))
        return undefined
      },
      end: () => file.close(60_000),
    }
  },
}

export const mutexAppendFile: Contender = {
  name: 'appendFile + mutex',
  async start(dir) {
    const mutex = new Mutex()
    const path = join(dir, 'log')
    return { append: (event) => mutex.runExclusive(() => appendFile(path, line(event))), end: async () => undefined }
  },
}

export const mutexWriteSync: Contender = {
  name: 'mutex + write + fdatasync',
  async start(dir) {
    const mutex = new Mutex()
    const handle = await open(join(dir, 'log'), 'a')
    return {
      append: (event) =>
        mutex.runExclusive(async () => {
          await handle.write(line(event))
          await handle.datasync()
        }),
      end: () => handle.close(),
    }
  },
}

export const syncCalls: Contender = {
  name: 'writeSync + fdatasyncSync',
  async start(dir) {
    const fd = openSync(join(dir, 'log'), 'a')
    return {
      append: async (event) => {
        writeSync(fd, line(event))
        fdatasyncSync(fd)
      },
      end: async () => closeSync(fd),
    }
  },
}

interface SonicBoom {
  write(text: string): boolean
  flushSync(): void
  end(): void
  once(event: string, listener: () => void): void
}

type SonicBoomClass = new (options: object) => SonicBoom

/** sonic-boom with an fsync per write; undefined where it is not installed. */
export async function sonicFsync(): Promise<Contender | undefined> {
  const module = (await peer('sonic-boom')) as { default: { SonicBoom: SonicBoomClass } } | undefined
  if (module === undefined) return undefined
  const { SonicBoom } = module.default
  return {
    name: 'sonic-boom fsync',
    async start(dir) {
      const sonic = new SonicBoom({ dest: join(dir, 'log'), sync: true, fsync: true })
      return { append: async (event) => sonic.write(line(event)), end: () => ended(sonic) }
    },
  }
}

/** pino with a synchronous destination. */
export async function pinoSync(): Promise<Contender | undefined> {
  type Pino = ((options: object, stream: SonicBoom) => { info(event: object): void }) & {
    destination(options: object): SonicBoom
  }
  const module = (await peer('pino')) as { default: Pino } | undefined
  if (module === undefined) return undefined
  const pino = module.default
  return {
    name: 'pino sync',
    async start(dir) {
      const stream = pino.destination({ dest: join(dir, 'log'), sync: true })
      const logger = pino({}, stream)
      return {
        append: (event) => {
          logger.info(event)
          return undefined
        },
        end: () => ended(stream),
      }
    },
  }
}

/** winston with its file transport. */
export async function winstonFile(): Promise<Contender | undefined> {
  interface Logger {
    info(event: object): void
    end(): void
  }
  interface Winston {
    createLogger(options: object): Logger
    format: { json(): object; combine(...formats: object[]): object; timestamp(): object }
    transports: { File: new (options: object) => { once(event: string, listener: () => void): void } }
  }
  const module = (await peer('winston')) as { default: Winston } | undefined
  if (module === undefined) return undefined
  const winston = module.default
  return {
    name: 'winston file',
    async start(dir) {
      const transport = new winston.transports.File({ filename: join(dir, 'log') })
      const format = winston.format.combine(winston.format.timestamp(), winston.format.json())
      const logger = winston.createLogger({ format, transports: [transport] })
      return {
        append: (event) => {
          logger.info({ message: 'event', ...event })
          return undefined
        },
        end: () =>
          new Promise((resolve) => {
            transport.once('finish', resolve)
            logger.end()
          }),
      }
    },
  }
}

function ended(stream: SonicBoom): Promise<void> {
  return new Promise((resolve) => {
    stream.once('close', resolve)
    stream.end()
  })
}

function fail(): never {
  throw new Error('an event was dropped: the benchmark is not valid')
}
