import { type CodeSpec, row } from './code-spec.js'

/** What can go wrong while rows are read, written and compared, and how a run is ended from outside. */
export const CODES_DURING = {
  TABLE_NOT_FOUND: row(5, 'The table does not exist, or the user may not see it.', 'Check the name and the grants.'),
  COLUMN_NOT_FOUND: row(
    5,
    'A column does not exist: {at}.{suggestion}',
    'Check the name; `airlock plan` lists the columns.',
  ),
  PRIVILEGE_MISSING: row(
    5,
    'The user lacks a privilege that this step needs.',
    'Grant SELECT on the source; on the target, INSERT on the table or CREATE on the schema.',
  ),
  SQL_INVALID: row(5, 'The server could not parse or plan the statement.', 'Check `query` and `where` of the stream.'),
  KEY_NULL: row(
    5,
    'A row has NULL in its key: {problem}.',
    'Leave such rows out with `where`, or set the policy `null_keys: match`.',
  ),
  CURSOR_NULL: row(
    5,
    'Rows without a value in the cursor column would never be read: {problem}.',
    'Fill the column, or set the policy `null_cursor: include`.',
  ),
  CONSTRAINT_VIOLATED: row(
    5,
    'A row breaks a constraint of the target table.',
    'Compare the constraints with the data; the origin code says which kind.',
  ),
  VALUE_REJECTED: row(
    5,
    'A value cannot be stored in the column of the target.',
    'Check the types in `airlock plan`; the origin code says which kind.',
  ),
  VALUE_POLICY: row(
    5,
    'A value of {at} has no equal in the target, and its policy is `error`.',
    'Choose another policy for this kind of value; `airlock plan` lists them.',
  ),
  VALUE_MISTYPED: row(
    5,
    'A value of {at} is not of the type that the source says.',
    'Give the field another type, or leave it out with `select`.',
  ),
  TYPE_UNSUPPORTED: row(
    5,
    'The type of {at} is not supported.',
    'Leave the column out with `select`, or cast it with `query`.',
  ),
  FILE_INVALID: row(
    5,
    'The file cannot be read: {problem}.',
    'Correct the file, or what the connection says of its format and its types; see docs/files.md.',
  ),
  SCHEMA_MISMATCH: row(
    5,
    'The target table does not fit the stream: {problem}.',
    'Alter the target, or choose the columns with `select`.',
  ),
  ROW_TOO_LARGE: row(
    5,
    'One row is larger than the limit.',
    'Raise --max-memory or the limit of the server, or leave the wide column out.',
  ),
  DISK_FULL: row(5, 'The server has no space left.', 'Free space at the server; nothing was committed.'),
  SERVER_LIMIT: row(
    5,
    'The statement reached a limit of the server: memory, or space for temporary files.',
    'Ask for less at a time, or raise the limit, e.g. `temp_file_limit` of Postgres.',
  ),
  LOCK_TIMEOUT: row(
    5,
    'Another session holds a lock on the table.',
    'Find the blocking session at the server, then run again.',
    true,
  ),
  DEADLOCK: row(5, 'The server ended the transaction to resolve a deadlock.', 'Run again.', true),
  STATEMENT_TIMEOUT: row(5, 'The server ended a statement because it ran too long.', 'Raise `statement_timeout_ms`.'),
  CONNECTION_LOST: row(
    5,
    'The connection to the server was lost.',
    'Nothing was committed; check the server, then run again.',
    true,
  ),
  STATE_NOT_SAVED: row(
    5,
    'The rows are in the target, but how far the stream came could not be saved.',
    'Free space or repair `home`; before an append runs again, remove the rows of this run.',
  ),
  REMOTE_FAILED: row(
    5,
    'The sandbox did not bring this to an end: {problem}.',
    'Look at the events of the run under home/runs. The target has all of a stream or nothing; run it again.',
    true,
  ),
  MEMORY_LIMIT: row(
    5,
    'The run needed more than the {megabytes} MiB of memory that it may have.',
    'Raise --max-memory, lower --parallel, or leave out columns with very long values. Nothing was committed.',
  ),
  FENCED: row(
    5,
    'A later attempt at the same write has taken over; nothing of this one was written.',
    'Look at the report of the later attempt. Two runs of one pipeline at a time end like this for the first of them.',
  ),
  OUTCOME_UNKNOWN: row(
    5,
    'Everything was sent, and the server did not confirm it: whether the rows are in the target is not known.',
    'Compare the target with the source before running again.',
  ),
  RESPONSE_TOO_LARGE: row(
    5,
    'An answer of the server is larger than the limit.',
    'Ask for less at a time, or raise the limit of the connection.',
  ),
  PAGING_FAILED: row(
    5,
    'The pages of {at} do not end: {problem}.',
    'Check how the document uses its cursor, and `paging` and `max_pages` of the stream.',
  ),
  SESSION_CLOSED: row(5, 'The session is already closed.', 'Open a new one.'),
  RESOURCE_CLOSED: row(5, 'The {at} is already closed.', 'Open a new one.'),
  SESSION_BUSY: row(
    5,
    'The session is already in use by another statement.',
    'Open one session per concurrent statement.',
  ),
  READ_ONLY: row(5, 'The server or the transaction is read-only.', 'Write to a primary with a user who may write.'),
  PROTOCOL_ERROR: row(
    5,
    'The server sent something that its protocol does not allow.',
    'Check that the port belongs to this kind of server.',
  ),
  QUERY_FAILED: row(
    5,
    'The server refused the statement.',
    'The origin code says why; --debug writes a masked record under the ref.',
  ),
  MASK_FAILED: row(
    5,
    'The mask at {at} could not be applied, so the stream was stopped.',
    'Check that the rule fits the values of the column.',
  ),

  PARTIAL: row(6, 'Some streams failed; the others are complete.', 'See the report for each stream.'),
  ROWS_REJECTED: row(
    6,
    'The target has a part of the rows only: {problem}.',
    'See the origin code and the quarantine file, if one is configured; rows that were written stay written.',
  ),
  COUNT_MISMATCH: row(
    7,
    'The number of rows differs between two ends of the stream: {problem}.',
    'Nothing was committed; check for triggers or rules on the target.',
  ),
  CHECKSUM_MISMATCH: row(7, 'The contents of both ends differ in {at}.', 'Compare the columns that the report names.'),

  DEADLINE_EXCEEDED: row(
    124,
    'The deadline passed before the work was done.',
    'Raise the deadline; nothing was committed.',
  ),
  ABORTED: row(130, 'The operation was aborted.', 'Nothing was committed.'),
  INTERRUPTED: row(130, 'Interrupted.', 'Nothing was committed by the streams that had not finished.'),
  TERMINATED: row(143, 'Terminated.', 'Nothing was committed by the streams that had not finished.'),
} as const satisfies Record<string, CodeSpec>
