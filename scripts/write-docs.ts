import { readFileSync, writeFileSync } from 'node:fs'
import { errorsPage } from './errors-page.js'
import { remotePage } from './remote-page.js'

writeFileSync(new URL('../docs/errors.md', import.meta.url), errorsPage())

const remote = new URL('../docs/remote.md', import.meta.url)
writeFileSync(remote, remotePage(readFileSync(remote, 'utf8')))
