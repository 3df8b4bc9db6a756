import type { Rule } from 'eslint'

export declare const airlock: {
  readonly meta: { readonly name: string }
  readonly rules: Readonly<Record<string, Rule.RuleModule>>
}
