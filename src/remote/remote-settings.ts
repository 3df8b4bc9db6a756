import { z } from 'zod'
import { secret } from '../core/config-fields.js'

const HOST = String.raw`[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*`
const PORT = String.raw`(?::[1-9]\d{0,4})?`
/** The key goes there, so in clear to this machine only. */
const BASE_URL = new RegExp(`^(?:https://${HOST}${PORT}|http://(?:127\\.0\\.0\\.1|localhost|\\[::1\\])${PORT})$`)
const baseUrl = () =>
  z
    .string()
    .regex(BASE_URL, 'must be https://host, or http:// for this machine, without a path')
    .meta({ airlock: 'topology' })
/** An address range (RFC 4632), or a host name for HTTPS. */
const EGRESS = new RegExp(String.raw`^(?:\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?|(?:\*\.)?${HOST})$`)

/** `remote.e2b` of airlock.yaml: the platform, the size of its sandboxes and how much of them may be used. */
export const remoteSettings = z.strictObject({
  api_key: secret().describe('The key of the platform.'),
  domain: z
    .string()
    .regex(new RegExp(`^${HOST}$`), 'must be a host name')
    .default('e2b.app')
    .meta({ airlock: 'topology' })
    .describe('The platform: E2B, or one that is self-hosted. It is where the sandboxes run.'),
  api_url: baseUrl().optional().describe('The API, in place of `https://api.<domain>`.'),
  sandbox_url: baseUrl().optional().describe('One address for all sandboxes, in place of a host name for each.'),
  template: z
    .string()
    .regex(/^[A-Za-z0-9][\w./:-]{0,127}$/, 'must be the name or the id of a template')
    .default('base')
    .describe('Template of the sandboxes, with Node.js 20.9 or later in it.'),
  cpu: z.int().min(1).max(64).default(2).describe('Virtual CPUs that the template has; they are charged for.'),
  memory_mb: z.int().min(128).max(262_144).default(512).describe('Memory that the template has; it is charged for.'),
  time_limit_minutes: z.number().positive().max(1440).default(60).describe('How long one job may take.'),
  lease_seconds: z
    .int()
    .min(60)
    .max(3600)
    .default(180)
    .describe('How long a sandbox lives on when this machine is gone; extended while it is there.'),
  deployment: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must be letters, digits, dots and dashes')
    .optional()
    .describe('Whose sandboxes these are; only its own are ever cleared away. Without it, an id that `home` keeps.'),
  concurrent: z.int().min(1).max(1100).default(20).describe('Sandboxes at one time, by the plan of the account.'),
  creations_per_second: z
    .number()
    .positive()
    .max(100)
    .default(1)
    .describe('New sandboxes a second, by the plan of the account.'),
  max_cost_usd: z.number().positive().optional().describe('No sandbox is started once a run has cost so much.'),
  header_injection: z
    .boolean()
    .default(false)
    .describe('Whether the platform may add the tokens of HTTPS sources, which then never enter a sandbox.'),
  allow: z
    .array(z.string().regex(EGRESS, 'must be an IPv4 address, a range, or a host name'))
    .max(100)
    .default([])
    .meta({ airlock: 'topology' })
    .describe('What sandboxes may reach beside the hosts of the connections; host names work for HTTPS only.'),
})

export type RemoteSettings = z.output<typeof remoteSettings>
