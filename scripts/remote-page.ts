import { z } from 'zod'
import { REMOTE_EVENTS } from '../src/remote/events.js'
import { remoteSettings } from '../src/remote/remote-settings.js'

const BAD: Readonly<Record<string, string>> = { info: '', warn: 'warning', error: 'error' }

/** docs/remote.md with its tables of settings and events made anew; the rest of the page stays as it is. */
export function remotePage(page: string): string {
  return withPart(withPart(page, 'settings', settingsTable()), 'events', eventsTable())
}

function withPart(page: string, name: string, table: string): string {
  const part = new RegExp(`(<!-- generated: ${name} -->\n)[\\s\\S]*?(<!-- end -->)`)
  if (!part.test(page)) throw new Error(`docs/remote.md has no place for ${name}`)
  return page.replace(part, (_, begin: string, end: string) => `${begin}${table}\n${end}`)
}

function settingsTable(): string {
  const schema = z.toJSONSchema(remoteSettings, { io: 'input', unrepresentable: 'any' })
  const rows = Object.entries(schema.properties ?? {}).map(([name, field]) => {
    if (typeof field === 'boolean') return `| \`${name}\` | | |`
    const { default: byDefault, description = '' } = field
    const shown = byDefault === undefined || Array.isArray(byDefault) ? '' : `\`${String(byDefault)}\``
    return `| \`${name}\` | ${shown} | ${cell(description)} |`
  })
  return ['| setting | default | |', '| --- | --- | --- |', ...rows].join('\n')
}

function eventsTable(): string {
  const rows = Object.entries(REMOTE_EVENTS).map(
    ([name, { severity, line }]) => `| \`${name}\` | ${BAD[severity]} | ${cell(line)} |`,
  )
  return ['| event | | says |', '| --- | --- | --- |', ...rows].join('\n')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}
