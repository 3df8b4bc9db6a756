import { chown, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Binaries } from './binaries.js'
import { makeCertificates } from './certificates.js'
import type { Engine, EngineFacts, EngineName, EngineOptions } from './engine.js'
import { connectEngine, firstAnswer } from './live-engine.js'
import { PrivateDirectory } from './private-directory.js'
import { ServerProcess } from './server-process.js'

export const HOST = '127.0.0.1'
export const ADMIN = 'airlock_admin'
export const SERVER_NAME = 'db.airlock.test'
const READY_MS = 30_000
const ATTEMPTS = 3

/** Paths of the TLS files of one server. */
export interface TlsFiles {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** How one kind of server is set up and started; the rest is the same for all. */
export interface PrivateServerSpec {
  readonly engine: EngineName
  /** Makes the data directory and whatever the first start reads; gives the administrator's password, which no other
   * server has: whoever logs in with it has reached this one. */
  prepare(
    directory: PrivateDirectory,
    binaries: Binaries,
  ): Promise<{ readonly data: string; readonly password: string }>
  /** The server's arguments. Nothing secret: other users can read them. */
  args(start: {
    readonly directory: PrivateDirectory
    readonly binaries: Binaries
    readonly data: string
    readonly port: number
    readonly tls: TlsFiles | undefined
    readonly settings: Readonly<Record<string, string>>
  }): string[]
  /** Runs once when the server answers. */
  ready?(directory: PrivateDirectory): Promise<void>
  /** Frees what a server that was killed leaves outside its directory. */
  tidy?(data: string): Promise<void>
}

/** Starts a private server on a free port of the loopback address, in a directory of its own, with password
 * authentication and TLS. Throws a plain Error with the server's last words when it does not come up in 30 s. */
export async function startPrivateServer(
  spec: PrivateServerSpec,
  binaries: Binaries,
  options: EngineOptions,
): Promise<Engine> {
  const directory = new PrivateDirectory(spec.engine)
  try {
    const { data, password } = await spec.prepare(directory, binaries)
    const tls = options.tls === false ? undefined : await writeTlsFiles(directory, options)
    for (let attempt = 1; ; attempt++) {
      // Another process may take the port between our look and the server's bind: then once more.
      const port = await freePort()
      const settings = options.settings ?? {}
      const args = spec.args({ directory, binaries, data, port, tls, settings })
      const server = new ServerProcess(directory, binaries.server, args, () => spec.tidy?.(data) ?? Promise.resolve())
      const facts = factsFor(spec.engine, binaries, port, tls, server, password)
      const version = await firstAnswer(facts, READY_MS, () => server.running)
      if (version !== undefined) {
        await spec.ready?.(directory)
        return connectEngine({ ...facts, version }, server)
      }
      const words = await server.lastWords()
      if (attempt === ATTEMPTS || !/in use/i.test(words)) throw new Error(`no answer; ${words}`)
    }
  } catch (error) {
    await directory.remove()
    throw error
  }
}

function factsFor(
  engine: EngineName,
  binaries: Binaries,
  port: number,
  tls: TlsFiles | undefined,
  server: ServerProcess,
  password: string,
): Omit<EngineFacts, 'version'> {
  return {
    engine,
    origin: binaries.origin,
    host: HOST,
    port,
    caFile: tls?.ca,
    serverName: tls === undefined ? undefined : SERVER_NAME,
    admin: { user: ADMIN, password },
    pid: server.pid,
    logFile: server.logFile,
  }
}

/** Makes an authority and a certificate for one server, with the files readable for its account alone. */
export async function writeTlsFiles(directory: PrivateDirectory, options: EngineOptions): Promise<TlsFiles> {
  const made = makeCertificates({
    names: options.certificate?.names ?? ['localhost', SERVER_NAME],
    expired: options.certificate?.expired ?? false,
  })
  const files = {
    ca: join(directory.path, 'ca.pem'),
    cert: join(directory.path, 'server.pem'),
    key: join(directory.path, 'server.key'),
  }
  await writeFile(files.ca, made.ca, { mode: 0o600 })
  await writeFile(files.cert, made.cert, { mode: 0o600 })
  await writeFile(files.key, made.key, { mode: 0o600 })
  if (directory.account !== undefined) {
    const { uid, gid } = directory.account
    await Promise.all(Object.values(files).map((file) => chown(file, uid, gid)))
  }
  return files
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  return await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, HOST, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
