import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeCertificates } from './certificates.js'
import type { Engine, EngineFacts, EngineName, EngineOptions } from './engine.js'
import { connectEngine, firstAnswer } from './live-engine.js'
import { SERVER_NAME } from './private-server.js'

const PROBE_MS = 500
/** Pulling an image over a slow line; the next step of the ladder is better than waiting longer. */
const START_MS = 180_000
const READY_MS = 60_000

interface ContainerSpec {
  readonly image: string
  readonly port: number
  readonly user: string
  readonly passwordVariable: string
  /** The server's program and its arguments for tests. */
  readonly command: readonly string[]
  readonly tlsArgs: readonly string[]
}

/** Images come from AIRLOCK_TEST_MYSQL_IMAGE and AIRLOCK_TEST_POSTGRES_IMAGE. */
const SPECS: Record<EngineName, () => ContainerSpec> = {
  mysql: () => ({
    image: process.env['AIRLOCK_TEST_MYSQL_IMAGE'] ?? 'mysql:8.4',
    port: 3306,
    user: 'root',
    passwordVariable: 'MYSQL_ROOT_PASSWORD',
    command: ['--skip-log-bin', '--innodb-flush-log-at-trx-commit=0', '--character-set-server=utf8mb4'],
    tlsArgs: ['--ssl-ca=/airlock/ca.pem', '--ssl-cert=/airlock/server.pem', '--ssl-key=/airlock/server.key'],
  }),
  postgres: () => ({
    image: process.env['AIRLOCK_TEST_POSTGRES_IMAGE'] ?? 'postgres:17',
    port: 5432,
    user: 'postgres',
    passwordVariable: 'POSTGRES_PASSWORD',
    command: ['postgres', '-c', 'fsync=off', '-c', 'full_page_writes=off', '-c', 'timezone=UTC'],
    tlsArgs: ['-c', 'ssl=on', '-c', 'ssl_cert_file=/airlock/server.pem', '-c', 'ssl_key_file=/airlock/server.key'],
  }),
}

/** Starts an engine in a container by testcontainers, with a random password and TLS like a private server's. Gives a
 * reason instead, within half a second, where no Docker daemon answers. */
export async function startContainer(engine: EngineName, options: EngineOptions): Promise<Engine | string> {
  if (!(await dockerAnswers())) return 'no Docker daemon answers'
  const { GenericContainer, Wait } = await import('testcontainers')
  const spec = SPECS[engine]()
  const password = randomBytes(18).toString('base64url')
  const certificates = makeCertificates({
    names: options.certificate?.names ?? ['localhost', SERVER_NAME],
    expired: options.certificate?.expired ?? false,
  })
  const tls = options.tls !== false
  const settings = Object.entries(options.settings ?? {}).flatMap(([name, value]) =>
    engine === 'mysql' ? [`--${name}=${value}`] : ['-c', `${name}=${value}`],
  )
  const owner = engine
  const container = await new GenericContainer(spec.image)
    .withEnvironment({ [spec.passwordVariable]: password })
    .withCopyContentToContainer([
      { content: certificates.ca, target: '/airlock/ca.pem' },
      { content: certificates.cert, target: '/airlock/server.pem' },
      { content: certificates.key, target: '/airlock/copied.key', mode: 0o600 },
    ])
    // The server drops root and then refuses a key that is not its own, so the key changes hands first.
    .withEntrypoint(['sh', '-c'])
    .withCommand([
      `install -o ${owner} -m 600 /airlock/copied.key /airlock/server.key && exec docker-entrypoint.sh "$0" "$@"`,
      ...spec.command,
      ...(tls ? spec.tlsArgs : []),
      ...settings,
    ])
    .withExposedPorts(spec.port)
    .withWaitStrategy(Wait.forListeningPorts())
    .withStartupTimeout(START_MS)
    .start()
  const directory = await mkdtemp(join(tmpdir(), 'airlock-container-'))
  const stop = async () => {
    await container.stop({ timeout: 5_000 })
    await rm(directory, { recursive: true, force: true })
  }
  try {
    const caFile = join(directory, 'ca.pem')
    await writeFile(caFile, certificates.ca)
    const facts: Omit<EngineFacts, 'version'> = {
      engine,
      origin: 'container',
      host: container.getHost(),
      port: container.getMappedPort(spec.port),
      caFile: tls ? caFile : undefined,
      serverName: tls ? SERVER_NAME : undefined,
      admin: { user: spec.user, password },
      pid: undefined,
      logFile: undefined,
    }
    const version = await firstAnswer(facts, READY_MS, () => true)
    if (version === undefined) throw new Error(`the server in ${spec.image} does not answer`)
    return connectEngine({ ...facts, version }, { stop })
  } catch (error) {
    await stop()
    throw error
  }
}

/** Asks the daemon's `/_ping` (Docker Engine API) before the costly import of testcontainers. */
async function dockerAnswers(): Promise<boolean> {
  return (await Promise.all(daemons(process.env['DOCKER_HOST'] ?? '').map(ping))).includes(true)
}

/** Where the daemon may listen: DOCKER_HOST, or else the sockets of Docker, Docker Desktop and rootless Docker. */
function daemons(configured: string): Daemon[] {
  if (configured.startsWith('unix://')) return [{ socketPath: configured.slice('unix://'.length) }]
  const [, host, port] = /^tcp:\/\/([^:/]+):(\d+)/.exec(configured) ?? []
  if (host !== undefined && port !== undefined) return [{ host, port }]
  const runtime = process.env['XDG_RUNTIME_DIR'] ?? `/run/user/${process.getuid?.()}`
  return ['/var/run/docker.sock', `${homedir()}/.docker/run/docker.sock`, `${runtime}/docker.sock`].map(
    (socketPath) => ({ socketPath }),
  )
}

type Daemon = { readonly socketPath: string } | { readonly host: string; readonly port: string }

function ping(daemon: Daemon): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = request({ ...daemon, path: '/_ping', timeout: PROBE_MS, agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    probe.once('timeout', () => probe.destroy())
    probe.once('error', () => resolve(false))
    probe.once('close', () => resolve(false))
    probe.end()
  })
}
