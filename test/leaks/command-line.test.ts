import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { calmLine, type Ended } from '../cli/airlock.js'
import { type Project, project } from '../cli/project.js'
import { describeWith } from '../setup/engines.js'
import { Canaries, canary } from './canaries.js'

/** Every file below home, by its path from there. */
async function files(p: Project): Promise<ReadonlyMap<string, string>> {
  const home = join(p.folder, '.airlock')
  const names = await readdir(home, { recursive: true })
  const found = new Map<string, string>()
  for (const name of names) {
    const { mode } = await stat(join(home, name))
    if ((mode & 0o77) !== 0) throw new Error(`${name} can be read by others`)
    if ((mode & 0o40000) === 0) found.set(name, await readFile(join(home, name), 'utf8'))
  }
  return found
}

/** Nothing on a stream, nothing in a file; in the records of --debug nothing that is a secret. */
async function expectSilent(p: Project, ...all: readonly Ended[]): Promise<void> {
  for (const { text } of all) expect(p.canaries.in(text)).toEqual([])
  const secrets = p.canaries.only('source password', 'target password', 'mask key', 'URL password', 'private file')
  for (const [name, text] of await files(p)) {
    expect((name.startsWith('debug') ? secrets : p.canaries).in(text), name).toEqual([])
  }
}

describeWith(['mysql', 'postgres'], 'canaries on the command line', (engines) => {
  it('with --debug, through every sink, whatever fails', { timeout: 180_000 }, async () => {
    await using p = await project(engines)
    const urlPassword = canary('', '-_.~')
    const privateFile = canary('f')
    const marker = canary()
    const host = `${canary().toLowerCase()}.invalid`
    for (const [label, value] of Object.entries({
      'URL password': urlPassword,
      'private file': privateFile,
      marker,
      host,
    })) {
      p.canaries.add(label, value)
    }
    const folder = join(p.folder, privateFile)
    await mkdir(folder, { mode: 0o700 })
    await writeFile(join(folder, 'password'), `${p.source.password}\n`, { mode: 0o600 })
    await p.target.exec(`
      CREATE TABLE numeric (id integer, note integer);
      CREATE TABLE keyed (id integer PRIMARY KEY, note text); INSERT INTO keyed VALUES (1, 'x');
      CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'row %', NEW.note; END $$;
      CREATE TABLE raising (id integer, note text);
      CREATE TRIGGER t BEFORE INSERT ON raising FOR EACH ROW EXECUTE FUNCTION f()`)
    const stream = { table: 'orders', select: ['id', 'note'], mode: 'append' }
    const streams = {
      fine: { ...stream, target_table: 'fine' },
      numeric: { ...stream, target_table: 'numeric' },
      keyed: { ...stream, target_table: 'keyed' },
      raising: { ...stream, target_table: 'raising' },
      broken: { table: 'orders', where: `note == = '${marker}'` },
      reading: {
        query: `SELECT id, IF(id = 2, (SELECT note FROM orders), '${marker}') AS n FROM orders`,
        target_table: 'r',
      },
    }
    await p.write('all.yaml', JSON.stringify({ name: 'all', source: 'shop', target: 'warehouse', streams }))
    await p.configure({ shop: { password: `\${file:${folder}/password}` } })
    const mixed = await p.run(['run', 'all.yaml', '--debug'])
    expect(mixed.code).toBe(6)
    expect(mixed.stderr.match(/^\w+: airlock: [A-Z_]+ \(\w+\) at (?:shop|warehouse): /gm)).toHaveLength(5)
    const debug = [...(await files(p))].filter(([name]) => name.startsWith('debug')).map(([, text]) => text)
    // Every ref that people see leads to a record.
    for (const [, ref] of mixed.stderr.matchAll(/\[ref ([0-9a-f]{12})\]/g))
      expect(debug.join('')).toContain(`"ref":"${ref}"`)

    const url = `postgres://${p.target.user}:${urlPassword}@${engines.postgres.host}:${engines.postgres.port}/${p.target.name}`
    const whole = { driver: 'postgres', url: '${env:WAREHOUSE_URL}' }
    const undef = { host: undefined, port: undefined, database: undefined, user: undefined, password: undefined }
    await p.configure({ shop: { host }, warehouse: { ...undef, ...whole } })
    const checked = await p.run(['check', '--debug', '--json'], { env: { WAREHOUSE_URL: url } })
    expect(checked.code).toBe(3)
    expect(checked.stdout).toContain('HOST_NOT_FOUND')
    expect(checked.stdout).toContain('AUTH_FAILED')
    const malformed = await p.run(['check', 'warehouse', '--debug'], {
      env: { WAREHOUSE_URL: url.replace(':', ':p/') },
    })
    expect(malformed.code).toBe(2)

    await p.configure({ shop: { password: `\${file:${folder}/missing}` } })
    const missing = await p.run(['check', 'shop', '--debug', '--json'])
    expect(missing.code).toBe(2)
    expect(missing.stdout).toContain('SECRET_UNRESOLVED')
    await p.configure({ shop: { password: urlPassword } })
    const literal = await p.run(['config', 'check'])
    expect(literal.code).toBe(2)
    expect(calmLine(literal, 'SECRET_LITERAL')).toContain('connections.shop.password (airlock.yaml line 1)')
    await expectSilent(p, mixed, checked, malformed, missing, literal)
  })

  it('when Airlock itself fails: no audit, no place for its report', { timeout: 180_000 }, async () => {
    await using p = await project(engines)
    const privateFile = canary('f')
    const canaries = new Canaries({ privateFile })
    const home = join(p.folder, privateFile)
    const withFile = async (name: string) => {
      await mkdir(home, { mode: 0o700 })
      await writeFile(join(home, name), 'where a folder should be', { mode: 0o600 })
      const ended = await p.run(['run', 'nightly.yaml'])
      expect([...canaries.in(ended.text), ...p.canaries.in(ended.text)]).toEqual([])
      await rm(home, { recursive: true })
      return ended
    }
    await p.configure({ file: { home: privateFile } })
    const unaudited = await withFile('audit')
    expect(unaudited.code).toBe(4)
    calmLine(unaudited, 'AUDIT_UNAVAILABLE')
    expect(await p.tables()).toEqual({})
    // Rows that are in the target are no failure because their report cannot be kept.
    expect(await withFile('runs')).toMatchObject({ code: 0, stderr: '' })
    expect((await p.tables())['orders']).toHaveLength(3)
    expect(await p.sessions()).toBe(0)
  })
})
