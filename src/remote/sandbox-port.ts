/** What may leave and enter a sandbox. */
export interface NetworkRules {
  /** Addresses (`192.0.2.7/32`) and, for HTTPS only, host names; everything else is denied. */
  readonly allowOut: readonly string[]
  /** Headers that the platform adds to requests to a host, so that their values never enter the sandbox. */
  readonly headers?: Readonly<Record<string, Readonly<Record<string, string>>>>
}

export interface CreateRequest {
  readonly template: string
  /** Ids only: app, deployment, run, job, attempt, try, exp. */
  readonly metadata: Readonly<Record<string, string>>
  /** Seconds until the platform ends the sandbox unless it is extended. */
  readonly ttlSeconds: number
  readonly network: NetworkRules
}

export interface CreatedSandbox {
  readonly id: string
  readonly envdVersion: string
}

export interface ListedSandbox {
  readonly id: string
  readonly state: 'running' | 'paused'
  readonly metadata: Readonly<Record<string, string>>
  readonly startedAt: Date
}

/** How a command ended; `signal` where it was killed. */
export interface CommandEnd {
  readonly exitCode: number
  readonly signal: string | undefined
}

export interface CommandRequest {
  readonly command: string
  /** For its whole life. */
  readonly timeoutMs: number
  readonly onStdout: (chunk: string) => void
  readonly onStderr: (chunk: string) => void
}

/** A command in a sandbox. Its output goes on only while this is attached. */
export interface RemoteCommand {
  readonly pid: number
  /** Resolves however it ended; throws SandboxFault where the stream to it broke (`connection_lost`), the command's time
   * was over (`deadline`) or the sandbox is gone (`gone`). */
  readonly ended: Promise<CommandEnd>
  write(text: string, signal: AbortSignal): Promise<void>
  /** Stops listening; the command goes on. */
  detach(): Promise<void>
}

export interface RemoteEntry {
  /** As the sandbox says it, relative to the folder that was listed. Not to be trusted. */
  readonly path: string
  readonly kind: 'file' | 'folder' | 'other'
  readonly size: number
}

export interface SandboxMetrics {
  readonly cpuPercent: number
  readonly memoryBytes: number
}

/** What Airlock needs of a platform of sandboxes; thin over its client library. Every method has a deadline of its own
 * beside the signal, retries nothing, and throws SandboxFault only. */
export interface SandboxPort {
  create(request: CreateRequest, signal: AbortSignal): Promise<CreatedSandbox>
  /** Running and paused ones whose metadata has all of `match`. */
  list(match: Readonly<Record<string, string>>, signal: AbortSignal): Promise<readonly ListedSandbox[]>
  /** Whether there was something to kill. */
  kill(id: string, signal: AbortSignal): Promise<boolean>
  /** The sandbox ends after so many seconds from now. */
  extend(id: string, ttlSeconds: number, signal: AbortSignal): Promise<void>
  isHealthy(id: string, signal: AbortSignal): Promise<boolean>
  upload(id: string, path: string, data: Uint8Array, signal: AbortSignal): Promise<void>
  /** Size in bytes; undefined where there is no such file. */
  sizeOf(id: string, path: string, signal: AbortSignal): Promise<number | undefined>
  start(id: string, request: CommandRequest, signal: AbortSignal): Promise<RemoteCommand>
  /** Listens to a running command again; what it said meanwhile is lost. */
  attach(id: string, pid: number, request: CommandRequest, signal: AbortSignal): Promise<RemoteCommand>
  /** The file's bytes from `from` on, uncompressed. */
  download(id: string, path: string, from: number, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>
  listFiles(id: string, folder: string, signal: AbortSignal): Promise<readonly RemoteEntry[]>
  restrict(id: string, network: NetworkRules, signal: AbortSignal): Promise<void>
  /** The latest ones; undefined where there are none yet. */
  metrics(id: string, signal: AbortSignal): Promise<SandboxMetrics | undefined>
  /** Lets go of connections that nobody uses. */
  close(): Promise<void>
}
