import { randomBytes } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { isIP } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { StartedTestContainer } from 'testcontainers'
import { type Certificates, makeCertificates } from './certificates.js'
import type { Engine, EngineFacts, EngineName, EngineOptions } from './engine.js'
import { connectEngine, firstAnswer } from './live-engine.js'
import { SERVER_NAME } from './private-server.js'

const PROBE_MS = 500
/** Pulling an image over a slow line takes minutes; the next step of the ladder is better than waiting longer. */
const START_MS = 300_000
const LISTEN_MS = 90_000
const READY_MS = 60_000

interface ContainerSpec {
  /** The default image, and the variable that replaces it. */
  readonly image: string
  readonly variable: string
  readonly port: number
  readonly user: string
  readonly passwordVariable: string
  /** The server's arguments for tests. */
  readonly command: readonly string[]
  readonly tlsArgs: readonly string[]
  /** Shell that adds the arguments which turn TLS off, where the server has it by default. */
  readonly withoutTls: string
}

const SPECS: Record<EngineName, ContainerSpec> = {
  mysql: {
    image: 'mysql:8.4',
    variable: 'AIRLOCK_TEST_MYSQL_IMAGE',
    port: 3306,
    user: 'root',
    passwordVariable: 'MYSQL_ROOT_PASSWORD',
    command: [
      '--skip-name-resolve',
      '--skip-log-bin',
      '--innodb-flush-log-at-trx-commit=0',
      '--innodb-buffer-pool-size=128M',
      '--character-set-server=utf8mb4',
    ],
    tlsArgs: ['--ssl-ca=/airlock/ca.pem', '--ssl-cert=/airlock/server.pem', '--ssl-key=/airlock/server.key'],
    // The two have no option for it in common, and the image's name may not tell which it is.
    withoutTls: 'if command -v mariadbd >/dev/null; then set -- "$@" --skip-ssl; else set -- "$@" --tls-version=; fi; ',
  },
  postgres: {
    image: 'postgres:17',
    variable: 'AIRLOCK_TEST_POSTGRES_IMAGE',
    port: 5432,
    user: 'postgres',
    passwordVariable: 'POSTGRES_PASSWORD',
    command: ['postgres', '-c', 'fsync=off', '-c', 'full_page_writes=off', '-c', 'timezone=UTC'],
    tlsArgs: ['-c', 'ssl=on', '-c', 'ssl_cert_file=/airlock/server.pem', '-c', 'ssl_key_file=/airlock/server.key'],
    withoutTls: '',
  },
}

/** Starts an engine in a container by testcontainers, with a random password and TLS like a private server's. `image` is
 * mysql:8.4 or postgres:17 unless AIRLOCK_TEST_MYSQL_IMAGE or AIRLOCK_TEST_POSTGRES_IMAGE names another one. Gives a
 * reason instead: within half a second where no Docker daemon answers, after five minutes where it does not get the
 * image. Throws, with testcontainers' words, for an image that cannot be had or whose server ends at once. */
export async function startContainer(
  engine: EngineName,
  options: EngineOptions,
  image = process.env[SPECS[engine].variable] || SPECS[engine].image,
): Promise<Engine | string> {
  if (!(await dockerAnswers())) return 'no Docker daemon answers'
  const login = { user: SPECS[engine].user, password: randomBytes(18).toString('base64url') }
  const certificates = makeCertificates({
    names: options.certificate?.names ?? ['localhost', SERVER_NAME],
    expired: options.certificate?.expired ?? false,
  })
  const starting = launch(engine, options, image, login.password, certificates).catch((error: unknown) => {
    throw new Error(`${image}: ${error instanceof Error ? error.message.trim() : String(error)}`)
  })
  const container = await Promise.race([starting, sleep(START_MS, undefined, { ref: false })])
  if (container === undefined) {
    // It cannot be called off: whatever comes of it yet is ended, and a failure is no news any more.
    starting.then(
      (late) => late.stop(),
      () => undefined,
    )
    return `${image} did not start within ${START_MS / 1_000} s`
  }
  const directory = await mkdtemp(join(tmpdir(), 'airlock-container-'))
  const stop = async () => {
    try {
      await container.stop() // at once: nobody wants the data
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }
  try {
    const tls = options.tls !== false
    const caFile = join(directory, 'ca.pem')
    await writeFile(caFile, certificates.ca)
    const facts: Omit<EngineFacts, 'version'> = {
      engine,
      origin: 'container',
      ...(await addressOf(container, SPECS[engine].port)),
      caFile: tls ? caFile : undefined,
      serverName: tls ? SERVER_NAME : undefined,
      admin: login,
      pid: undefined,
      logFile: undefined,
    }
    const version = await firstAnswer(facts, READY_MS, () => true)
    if (version === undefined) throw new Error(`the server in ${image} does not answer`)
    return connectEngine({ ...facts, version }, { stop })
  } catch (error) {
    await stop()
    throw error
  }
}

/** Starts the container; done when the server listens. */
async function launch(
  engine: EngineName,
  options: EngineOptions,
  image: string,
  password: string,
  certificates: Certificates,
): Promise<StartedTestContainer> {
  const { GenericContainer, Wait } = await import('testcontainers')
  const spec = SPECS[engine]
  const tls = options.tls !== false
  const settings = Object.entries(options.settings ?? {}).flatMap(([name, value]) =>
    engine === 'mysql' ? [`--${name}=${value}`] : ['-c', `${name}=${value}`],
  )
  // The server drops root and then refuses a key that is not its own, so the key changes hands first. In both families
  // the server's account is named like the engine.
  const entry =
    `install -o ${engine} -m 600 /airlock/copied.key /airlock/server.key; ` +
    `${tls ? '' : spec.withoutTls}exec docker-entrypoint.sh "$@"`
  return await new GenericContainer(image)
    .withEnvironment({ [spec.passwordVariable]: password })
    .withCopyContentToContainer([
      { content: certificates.ca, target: '/airlock/ca.pem' },
      { content: certificates.cert, target: '/airlock/server.pem' },
      { content: certificates.key, target: '/airlock/copied.key', mode: 0o600 },
    ])
    .withEntrypoint(['sh', '-euc', entry, 'airlock'])
    .withCommand([...spec.command, ...(tls ? spec.tlsArgs : []), ...settings])
    .withExposedPorts(spec.port)
    .withWaitStrategy(Wait.forListeningPorts())
    .withStartupTimeout(LISTEN_MS)
    .start()
}

/** Where the server is reached from here. Docker gives each address family a port of its own, so that a name like
 * `localhost`, whose families are tried in turn, may lead to somebody else's server: an address goes with its port. */
async function addressOf(container: StartedTestContainer, port: number): Promise<Pick<EngineFacts, 'host' | 'port'>> {
  const { getContainerRuntimeClient } = await import('testcontainers')
  const { container: client } = await getContainerRuntimeClient()
  const { NetworkSettings } = await client.inspect(client.getById(container.getId()))
  const bindings = NetworkSettings.Ports[`${port}/tcp`] ?? []
  for (const { address, family } of await lookup(container.getHost(), { all: true, order: 'ipv4first' })) {
    const binding = bindings.find(({ HostIp }) => HostIp === '' || isIP(HostIp) === family)
    if (binding !== undefined) return { host: address, port: Number(binding.HostPort) }
  }
  throw new Error('the container has no port that can be reached')
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
