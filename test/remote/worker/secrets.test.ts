import { readFileSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { loadPipeline } from '../../../src/config/load-pipeline.js'
import type { StreamsJob } from '../../../src/run/jobs/job.js'
import { Workspace } from '../../../src/run/workspace.js'
import type { TestDatabase } from '../../../src/testing/index.js'
import { Canaries, canary } from '../../leaks/canaries.js'
import { streamsJob } from '../../run/jobs/streams-job.js'
import { WorkerProcess } from '../../run/jobs/worker-process.js'
import { describeWith } from '../../setup/engines.js'
import { type BuiltBundle, buildBundle } from '../../setup/worker-bundle.js'

const TEST_MS = 60_000

describeWith(['mysql', 'postgres'], 'a worker in its folder', (engines) => {
  const cell = canary('cell ')
  const maskKey = canary('key-%"', 'ß')
  const wrong = canary('wrong/', '@')
  let bundle: BuiltBundle
  let folder: string
  let shop: TestDatabase
  let warehouse: TestDatabase
  beforeAll(async () => {
    bundle = await buildBundle()
    folder = await mkdtemp(join(tmpdir(), 'airlock-canary-'))
    shop = await engines.mysql.createDatabase('canary')
    warehouse = await engines.postgres.createDatabase('canary')
    await shop.exec(
      `CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(200)); INSERT INTO orders VALUES (1, '${cell}')`,
    )
    await warehouse.exec('CREATE TABLE picky (id INT PRIMARY KEY, note VARCHAR(3))')
    await warehouse.exec("CREATE TABLE locked (id INT PRIMARY KEY, note TEXT CHECK (note NOT LIKE 'cell%'))")
  })
  afterAll(async () => {
    await Promise.all([shop.drop(), warehouse.drop()])
    await bundle[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })
  const makeJob = async (stream: object, source: object = {}): Promise<StreamsJob> => {
    const url = `postgres://${warehouse.user}:${encodeURIComponent(warehouse.password)}@${engines.postgres.host}:${engines.postgres.port}/${warehouse.name}`
    const { name, user } = shop
    const connections = {
      shop: {
        ...{ driver: 'mysql', host: engines.mysql.host, port: engines.mysql.port, database: name, user },
        password: '${env:SHOP}',
        ...source,
      },
      warehouse: { driver: 'postgres', url: '${env:URL}' },
    }
    await writeFile(join(folder, 'airlock.yaml'), JSON.stringify({ mask_key: '${env:KEY}', connections }))
    const path = join(folder, 'nightly.yaml')
    await writeFile(
      path,
      JSON.stringify({ name: 'nightly', source: 'shop', target: 'warehouse', streams: { orders: stream } }),
    )
    await using space = await Workspace.open({
      cwd: folder,
      env: { SHOP: shop.password, URL: url, KEY: maskKey, WRONG: wrong },
    })
    return await streamsJob(space, await loadPipeline(path, space.config), {
      fence: { holder: canary('attempt-'), number: 1 },
    })
  }

  const cases: Readonly<Record<string, readonly [code: number, stream: object, source?: object]>> = {
    'moves rows': [0, { mode: 'replace', mask: { note: 'tokenize' } }],
    'cannot log in': [3, { mode: 'replace' }, { password: '${env:WRONG}' }],
    'breaks a constraint': [5, { mode: 'append', target_table: 'locked' }],
    'has a value that does not fit': [5, { mode: 'append', target_table: 'picky' }],
    'reads with SQL that does not parse': [5, { mode: 'replace', table: 'orders', where: `note = '${cell}' AND (` }],
  }
  // Guards: what the job is sealed for, that the report is masked, that errors have no text of servers.
  for (const [title, [code, stream, source]] of Object.entries(cases)) {
    it(`shows no secret and no value when it ${title}`, { timeout: TEST_MS }, async () => {
      const canaries = new Canaries({ shop: shop.password, warehouse: warehouse.password, key: maskKey, cell, wrong })
      // They are found where they are.
      expect(canaries.in(Buffer.from(`x${shop.password}`).toString('base64'))).toEqual(['shop'])
      await using worker = await WorkerProcess.start({ bundle: bundle.folder, spec: { beat_ms: 20 } })
      await worker.give(await makeJob(stream, source))
      await worker.frame('opened')
      const proc = ['cmdline', 'environ', 'comm'].map((name) =>
        readFileSync(`/proc/${worker.child.pid}/${name}`, 'utf8'),
      )
      expect(proc[0]!.split('\0').slice(1, 3)).toEqual(['airlock/worker.cjs', 'airlock/spec.json'])
      const { exit, stdout, stderr, result } = await worker.ended()
      expect([exit, stderr]).toEqual([code, ''])
      expect(result!.streams).toHaveLength(1)
      const files = (await readdir(worker.folder, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
      expect(files.map((path) => path.slice(worker.folder.length + 1)).sort()).toEqual([
        'airlock/out/events.jsonl',
        'airlock/out/manifest.json',
        'airlock/out/report.json',
        'airlock/spec.json',
        'airlock/worker.cjs',
      ])
      const kept = await Promise.all(files.map((path) => readFile(path, 'latin1')))
      expect(canaries.in([...proc, stdout, stderr, ...kept].join('\n'))).toEqual([])
    })
  }
})
