import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { remotePage } from '../../scripts/remote-page.js'
import { REMOTE_EVENTS } from '../../src/remote/events.js'
import { remoteSettings } from '../../src/remote/remote-settings.js'

const page = readFileSync(new URL('../../docs/remote.md', import.meta.url), 'utf8')

it('docs/remote.md lists settings and events as they are; `npm run docs` writes them', () => {
  expect(page).toBe(remotePage(page))
})

it.each([...Object.keys(REMOTE_EVENTS), ...Object.keys(remoteSettings.shape)])('names %s', (name) => {
  expect(page).toContain(`\`${name}\``)
})
