import { isDigit, isHex, isLetter, isWord, type Rule, type Scan } from '../scan.js'
import { isTokenChar, runEnd } from './terminators.js'

/** The shape of one kind of token: a prefix in exact case, then at least `least` characters of an alphabet. There is no
 * entropy gate and no upper bound: whoever issues the tokens may make them longer tomorrow. `glued` tokens may begin
 * inside of a word, since their prefix is like nothing else. */
interface TokenSpec {
  readonly id: string
  readonly prefixes: readonly string[]
  readonly least: number
  readonly body: (code: number) => boolean
  readonly glued?: boolean
}

const alnum = (code: number) => isLetter(code) || isDigit(code)
const dotted = (code: number) => isTokenChar(code) || code === 0x2e
const upper = (code: number) => (code >= 0x41 && code <= 0x5a) || isDigit(code)
const padded = (code: number) => isTokenChar(code) || code === 0x2e || code === 0x3d || code === 0x2b || code === 0x2f

const SPECS: readonly TokenSpec[] = [
  { id: 'aws', prefixes: ['AKIA', 'ASIA', 'ABIA', 'ACCA'], least: 12, body: upper },
  { id: 'github', prefixes: ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'], least: 16, body: isWord, glued: true },
  { id: 'github', prefixes: ['github_pat_'], least: 16, body: isWord, glued: true },
  {
    id: 'gitlab',
    prefixes: [
      ...[
        'glpat-',
        'gldt-',
        'glrt-',
        'glcbt-',
        'glptt-',
        'glft-',
        'glimt-',
        'glagent-',
        'gloas-',
        'glsoat-',
        'glffct-',
      ],
      'GR1348941',
    ],
    least: 14,
    body: dotted,
    glued: true,
  },
  {
    id: 'stripe',
    prefixes: ['sk_live_', 'sk_test_', 'rk_live_', 'rk_test_', 'whsec_'],
    least: 10,
    body: padded,
    glued: true,
  },
  { id: 'supabase', prefixes: ['sb_secret_'], least: 8, body: isTokenChar, glued: true },
  { id: 'supabase', prefixes: ['sbp_'], least: 16, body: isWord },
  { id: 'e2b', prefixes: ['e2b_', 'sk_e2b_'], least: 16, body: isWord },
  { id: 'openai', prefixes: ['sk-proj-', 'sk-svcacct-', 'sk-admin-', 'sk-None-'], least: 10, body: isTokenChar },
  { id: 'anthropic', prefixes: ['sk-ant-'], least: 10, body: isTokenChar },
  { id: 'openai', prefixes: ['sk-'], least: 20, body: isTokenChar },
  { id: 'google', prefixes: ['AIza'], least: 26, body: isTokenChar },
  { id: 'google', prefixes: ['ya29.', 'GOCSPX-', '1//0'], least: 16, body: dotted },
  {
    id: 'slack',
    prefixes: ['xoxb-', 'xoxp-', 'xoxa-', 'xoxr-', 'xoxs-', 'xoxe-', 'xoxe.', 'xoxo-', 'xoxc-', 'xoxd-', 'xapp-'],
    least: 10,
    body: (code) => dotted(code) || code === 0x25,
    glued: true,
  },
  { id: 'npm', prefixes: ['npm_'], least: 24, body: alnum },
  { id: 'pypi', prefixes: ['pypi-'], least: 24, body: isTokenChar },
  { id: 'vault', prefixes: ['hvs.', 'hvb.', 'hvr.'], least: 16, body: isTokenChar },
  { id: 'neon', prefixes: ['napi_'], least: 20, body: isWord },
  {
    id: 'planetscale',
    prefixes: ['pscale_tkn_', 'pscale_pw_', 'pscale_oauth_', 'pscale_otkn_'],
    least: 12,
    body: dotted,
    glued: true,
  },
  { id: 'sendgrid', prefixes: ['SG.'], least: 30, body: dotted },
  { id: 'huggingface', prefixes: ['hf_', 'api_org_'], least: 20, body: alnum },
  { id: 'digitalocean', prefixes: ['dop_v1_', 'doo_v1_', 'dor_v1_'], least: 16, body: alnum, glued: true },
  {
    id: 'doppler',
    prefixes: ['dp.pt.', 'dp.st.', 'dp.ct.', 'dp.sa.', 'dp.scim.', 'dp.audit.'],
    least: 16,
    body: dotted,
  },
  { id: 'shopify', prefixes: ['shpat_', 'shpss_', 'shpca_', 'shppa_'], least: 16, body: alnum, glued: true },
  { id: 'atlassian', prefixes: ['ATATT3', 'ATCTT3', 'ATBB'], least: 20, body: padded },
  { id: 'docker', prefixes: ['dckr_pat_', 'dckr_oat_'], least: 16, body: isTokenChar, glued: true },
  { id: 'grafana', prefixes: ['glsa_', 'glc_'], least: 20, body: padded },
  { id: 'linear', prefixes: ['lin_api_', 'lin_oauth_'], least: 20, body: alnum, glued: true },
  { id: 'notion', prefixes: ['ntn_'], least: 20, body: alnum },
  { id: 'postman', prefixes: ['PMAK-'], least: 20, body: isTokenChar },
  { id: 'sentry', prefixes: ['sntrys_', 'sntryu_'], least: 20, body: padded, glued: true },
  { id: 'brevo', prefixes: ['xkeysib-', 'xsmtpsib-'], least: 20, body: isTokenChar, glued: true },
  { id: 'tailscale', prefixes: ['tskey-'], least: 12, body: isTokenChar, glued: true },
  { id: 'databricks', prefixes: ['dapi'], least: 32, body: isHex },
  { id: 'age', prefixes: ['AGE-SECRET-KEY-1'], least: 20, body: alnum, glued: true },
  {
    id: 'ai',
    prefixes: ['gsk_', 'xai-', 'pplx-', 'nvapi-', 'r8_', 'lsv2_pt_', 'lsv2_sk_'],
    least: 24,
    body: isTokenChar,
  },
  { id: 'figma', prefixes: ['figd_'], least: 20, body: isTokenChar },
  { id: 'rubygems', prefixes: ['rubygems_'], least: 24, body: alnum },
  { id: 'square', prefixes: ['sq0atp-', 'sq0csp-', 'EAAAl'], least: 20, body: isTokenChar },
  { id: 'telegram', prefixes: ['api.telegram.org/bot'], least: 20, body: (code) => isTokenChar(code) || code === 0x3a },
  {
    id: 'webhook',
    prefixes: [
      'hooks.slack.com/services/',
      'hooks.slack.com/workflows/',
      'discord.com/api/webhooks/',
      'discordapp.com/api/webhooks/',
    ],
    least: 10,
    body: (code) => isTokenChar(code) || code === 0x2f,
    glued: true,
  },
]

/** Tokens that are known by their prefix. The whole token is hidden, except for the public part of a web hook's URL. */
export function tokenRules(): Rule[] {
  return SPECS.map((spec) => ({
    id: `token-${spec.id}`,
    anchors: spec.prefixes,
    find: (scan, start, end) => {
      if (!spec.prefixes.some((prefix) => prefix.length === end - start && scan.is(start, prefix))) return null
      if (!spec.glued && !startsToken(scan, start)) return null
      if (scan.skip(end, end + spec.least, spec.body) < end + spec.least) return null
      const isUrl = spec.prefixes[0]!.includes('/')
      return { start: isUrl ? end : start, from: end + spec.least, until: runEnd(spec.body) }
    },
  }))
}

/** JSON Web Tokens (RFC 7519) and encrypted ones: two parts or more, the first a JSON object. */
export const jwtRule: Rule = {
  id: 'token-jwt',
  anchors: ['eyJ'],
  find: (scan, start, end) => {
    if (!scan.is(start, 'eyJ') || !startsToken(scan, start)) return null
    const header = scan.skip(end, end + 2048, isTokenChar)
    if (header < end + 6 || scan.at(header) !== 0x2e) return null
    const least = header + 1 + 6
    return scan.skip(header + 1, least, isTokenChar) < least ? null : { start, from: least, until: runEnd(dotted) }
  },
}

/** A token may follow a letter only where that letter belongs to an escape, and may follow an underscore: `key_AKIA…`. */
function startsToken(scan: Scan, position: number): boolean {
  return scan.behind(position) === 0x5f || scan.startsWord(position)
}
