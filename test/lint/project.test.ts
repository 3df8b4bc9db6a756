import { ESLint } from 'eslint'
import { describe, expect, it } from 'vitest'
import { airlock } from '../../lint/plugin.js'

describe('the lint of the project', () => {
  it('has every rule of the plugin, and no floating promise, as an error for src', async () => {
    const config = (await new ESLint().calculateConfigForFile('src/run/workspace.ts')) as {
      readonly rules: Readonly<Record<string, readonly [severity: number]>>
    }
    for (const rule of Object.keys(airlock.rules)) expect(config.rules[`airlock/${rule}`]?.[0]).toBe(2)
    expect(config.rules['@typescript-eslint/no-floating-promises']?.[0]).toBe(2)
  })

  it('finds a floating promise', async () => {
    const eslint = new ESLint({ overrideConfig: { rules: {} } })
    const code = 'async function work(): Promise<void> {}\nexport function start(): void {\n  work()\n}\n'
    // Under the name of a file that the project knows: the rule asks for types.
    const [result] = await eslint.lintText(code, { filePath: 'src/cache/deep-freeze.ts' })
    expect(result!.messages.map(({ ruleId }) => ruleId)).toEqual(['@typescript-eslint/no-floating-promises'])
  })
})
