import type { KeyJudge } from '../keys.js'
import type { Rule } from '../scan.js'
import { optionRule, programRule, schemeRule } from './commands.js'
import { keyValueRule } from './key-values.js'
import { pemRule } from './pem.js'
import { pgpassRule } from './pgpass.js'
import { hashRule, identifiedRule, replaceRule } from './sql.js'
import { jwtRule, tokenRules } from './tokens.js'
import { goDsnRule, oracleRule, urlRule } from './urls.js'

/** Every rule, each behind its anchors. Rules never see each other's masks: all work on the original text. */
export function allRules(judge: KeyJudge, hideTopology: boolean): Rule[] {
  return [
    pemRule,
    urlRule(hideTopology),
    goDsnRule,
    oracleRule,
    pgpassRule,
    jwtRule,
    ...tokenRules(),
    schemeRule,
    identifiedRule,
    replaceRule,
    hashRule,
    programRule,
    optionRule,
    keyValueRule(judge, hideTopology),
  ]
}
