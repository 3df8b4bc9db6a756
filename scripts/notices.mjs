// Which packages a bundle holds, and their licences, which have to come with it.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The innermost one that a file lies in: a package may hold another version of one that others use. */
const PACKAGE = /^(.*node_modules[/\\](?:@[^/\\]+[/\\])?[^/\\]+)[/\\]/

/** The licences of all packages among the inputs of a bundle, as one text. Throws for a package that has none. */
export async function noticesOf(root, { inputs }) {
  const folders = new Set(Object.keys(inputs).flatMap((input) => PACKAGE.exec(input)?.[1] ?? []))
  const notices = []
  for (const folder of [...folders].sort()) {
    const { name, version, license } = JSON.parse(await readFile(join(root, folder, 'package.json'), 'utf8'))
    const file = (await readdir(join(root, folder))).find((one) => /^licen[cs]e/i.test(one))
    if (file === undefined && license === undefined) throw new Error(`${name} is bundled and names no licence`)
    const text = file === undefined ? '' : `\n${(await readFile(join(root, folder, file), 'utf8')).trim()}\n`
    notices.push(`${name} ${version} (${license})\n${text}`)
  }
  return `This folder holds code of the following packages.\n\n${notices.join('\n---\n\n')}`
}
