import { z } from 'zod'

/** What the host and the worker in a sandbox say to each other. Neither trusts the other's text: both parse with these. */
export const PROTOCOL_VERSION = 1

/** Longest line of a frame in bytes, so that one write of it to a pipe is not torn. */
export const MAX_FRAME_BYTES = 8192

/** Places in a sandbox, relative to the home folder of its user. */
export const PLACES = {
  bundle: 'airlock/worker.cjs',
  spec: 'airlock/spec.json',
  inputs: 'airlock/in',
  out: 'airlock/out',
  events: 'airlock/out/events.jsonl',
  manifest: 'airlock/out/manifest.json',
  report: 'report.json',
  /** Files that a job writes, in a folder of their own so that none has the name of the worker's. */
  data: 'data',
} as const

const id = z.string().regex(/^[A-Za-z0-9._-]{1,100}$/)
const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
const count = z.int().min(0)

/** Uploaded beside the bundle; nothing in it is secret. */
export const workerSpec = z.strictObject({
  v: z.literal(PROTOCOL_VERSION),
  run: id,
  job: id,
  attempt: z.int().min(1),
  beat_ms: z.int().min(10),
  /** Ends by itself after so long, whatever happens. */
  deadline_ms: z.int().min(1),
  /** Files under `inputs`, which the worker checks before it says hello. */
  inputs: z.array(z.strictObject({ path: z.string(), size: count, sha256 })),
})
export type WorkerSpec = z.output<typeof workerSpec>

/** The one line that the worker reads from its standard input: a job, sealed for the public key of its hello. */
export const sealedMessage = z.strictObject({
  v: z.literal(PROTOCOL_VERSION),
  public_key: z.base64(),
  iv: z.base64(),
  tag: z.base64(),
  data: z.base64(),
})
export type SealedMessage = z.output<typeof sealedMessage>

const frame = { v: z.literal(PROTOCOL_VERSION), seq: count }

export const workerFrame = z.discriminatedUnion('t', [
  /** First: proves what runs, before any secret is sent. `at` is the worker's clock in ms since 1970. */
  z.strictObject({
    ...frame,
    t: z.literal('hello'),
    at: z.int(),
    node: z.string().max(40),
    arch: z.string().max(20),
    pid: z.int(),
    bundle: sha256,
    spec: sha256,
    inputs: z.boolean(),
    public_key: z.base64(),
  }),
  /** The worker cannot work. */
  z.strictObject({
    ...frame,
    t: z.literal('refused'),
    reason: z.enum(['runtime', 'spec', 'inputs', 'secrets']),
    node: z.string().max(40),
  }),
  /** The secrets were opened; the work begins. */
  z.strictObject({ ...frame, t: z.literal('opened') }),
  /** Whether a connection can be reached from inside. */
  z.strictObject({ ...frame, t: z.literal('probe'), connection: id, ok: z.boolean(), class: z.string().max(40) }),
  z.strictObject({ ...frame, t: z.literal('beat'), rss: count, rows: count, bytes: count }),
  z.strictObject({
    ...frame,
    t: z.literal('progress'),
    stream: z.string().max(200),
    rows: count,
    bytes: count,
    estimated: count.optional(),
    seconds: z.number().min(0),
  }),
  /** An event of telemetry, as it would be on this machine. */
  z.strictObject({
    ...frame,
    t: z.literal('event'),
    name: z.string().max(80),
    data: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  }),
  /** Last: what the work came to, and the digest of the manifest, so that output and file check each other. */
  z.strictObject({
    ...frame,
    t: z.literal('end'),
    status: z.enum(['ok', 'partial', 'failed', 'cancelled']),
    exit: z.int().min(0).max(255),
    manifest: sha256,
  }),
])
export type WorkerFrame = z.output<typeof workerFrame>

/** A frame as it is made: version and number come from the writer. */
export type NewFrame = WorkerFrame extends infer One
  ? One extends WorkerFrame
    ? Omit<One, 'v' | 'seq'>
    : never
  : never

/** What the worker leaves: written last, beside the files that it names. Paths are relative to `out`. */
export const workerManifest = z.strictObject({
  v: z.literal(PROTOCOL_VERSION),
  run: id,
  job: id,
  attempt: z.int().min(1),
  status: z.enum(['ok', 'partial', 'failed', 'cancelled']),
  node: z.string().max(40),
  files: z.array(
    z.strictObject({
      path: z.string().max(1000),
      size: count,
      sha256,
      kind: z.enum(['report', 'events', 'data']),
      rows: count.optional(),
    }),
  ),
})
export type WorkerManifest = z.output<typeof workerManifest>
export type ManifestFile = WorkerManifest['files'][number]
