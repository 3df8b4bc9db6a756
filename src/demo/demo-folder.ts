import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DemoDatabase } from './demo-servers.js'

/** The variables that the demo's airlock.yaml refers to. */
export const DEMO_VARIABLES = {
  sourcePassword: 'DEMO_SHOP_PASSWORD',
  targetPassword: 'DEMO_WAREHOUSE_PASSWORD',
  maskKey: 'DEMO_MASK_KEY',
} as const

const NIGHTLY = `name: nightly
source: shop
target: warehouse
defaults: { mode: replace, schema: public }
streams:
  customers:
    mask: { email: partial-email, phone: partial-last4, card: redact,
            birthday: generalize-year, notes: redact }
  orders:
    mask: { email: tokenize }
  events:
    mask: { ip: tokenize }
`

/** A temporary folder with the two files of the demo, the certificates that they name, and Airlock's home. It holds no
 * secret: the files refer to variables. Gone at the end, unless the person wants to keep it. */
export class DemoFolder implements AsyncDisposable {
  readonly path: string
  readonly airlockYaml: string
  readonly nightlyYaml: string
  readonly #keep: boolean

  private constructor(path: string, airlockYaml: string, keep: boolean) {
    this.path = path
    this.airlockYaml = airlockYaml
    this.nightlyYaml = NIGHTLY
    this.#keep = keep
  }

  static async create(source: DemoDatabase, target: DemoDatabase, keep: boolean): Promise<DemoFolder> {
    const path = await mkdtemp(join(tmpdir(), 'airlock-demo-'))
    const yaml = airlockYaml(source, target)
    const folder = new DemoFolder(path, yaml, keep)
    try {
      for (const [name, { engine }] of [['shop-ca.pem', source] as const, ['warehouse-ca.pem', target] as const]) {
        if (engine.caFile !== undefined) await copyFile(engine.caFile, join(path, name))
      }
      await writeFile(folder.configFile, yaml)
      await writeFile(folder.pipelineFile, NIGHTLY)
    } catch (error) {
      await rm(path, { recursive: true, force: true })
      throw error
    }
    return folder
  }

  get configFile(): string {
    return join(this.path, 'airlock.yaml')
  }

  get pipelineFile(): string {
    return join(this.path, 'nightly.yaml')
  }

  get auditDir(): string {
    return join(this.path, '.airlock', 'audit')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#keep) await rm(this.path, { recursive: true, force: true })
  }
}

function airlockYaml(source: DemoDatabase, target: DemoDatabase): string {
  return `home: .airlock
mask_key: "\${env:${DEMO_VARIABLES.maskKey}}"
deny_unmasked: [email, phone, card]
connections:
${connection('shop', source, DEMO_VARIABLES.sourcePassword)}
${connection('warehouse', target, DEMO_VARIABLES.targetPassword)}
`
}

function connection(name: string, { engine, database }: DemoDatabase, variable: string): string {
  const serverName = engine.serverName === undefined ? '' : `, server_name: ${engine.serverName}`
  const tls = engine.caFile === undefined ? '' : `,\n    tls: { mode: verify-full, ca: ${name}-ca.pem${serverName} }`
  return `  ${name}: {
    driver: ${engine.engine}, host: "${engine.host}", port: ${engine.port}, database: ${database.name},
    user: ${database.user}, password: "\${env:${variable}}"${tls}
  }`
}
