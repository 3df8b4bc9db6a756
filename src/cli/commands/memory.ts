import { join } from 'node:path'
import { memoryRefused, type Note } from '../../memory/note.js'
import { NoteStore } from '../../memory/note-store.js'
import { Workspace } from '../../run/workspace.js'
import { printable } from '../printable.js'
import type { CommandContext, GlobalOptions } from '../program.js'
import { formatTable } from '../table.js'

/** `airlock memory capture --session ID --consent`: keeps what stdin gives. */
export async function memoryCaptureCommand(
  context: CommandContext,
  common: GlobalOptions,
  options: { readonly session: string; readonly consent?: boolean },
): Promise<void> {
  const { output } = context
  await using workspace = await Workspace.open({ configFile: common.config, debug: common.debug === true })
  output.use(workspace.masker)
  const content = await readContent(workspace.config.memory.max_note_bytes, context.signal)
  using store = await openStore(workspace)
  const about = { session: options.session, consent: options.consent === true, bytes: Buffer.byteLength(content) }
  const note = await workspace.audited(
    'memory.capture',
    about,
    () => store.capture(options.session, content, options.consent === true),
    ({ id }) => ({ note: id }),
  )
  const { session, id, captured_at } = note
  output.result({ session, id, captured_at, bytes: Buffer.byteLength(note.content) }, `kept as ${session} ${id}`)
}

/** `airlock memory list [SESSION]` */
export async function memoryListCommand(
  { output }: CommandContext,
  common: GlobalOptions,
  session: string | undefined,
): Promise<void> {
  await using workspace = await Workspace.open({ configFile: common.config, debug: common.debug === true })
  output.use(workspace.masker)
  using store = await openStore(workspace)
  if (session === undefined) {
    const sessions = await store.sessions()
    const rows = sessions.map((one) => [one.session, String(one.notes)])
    output.result({ sessions }, rows.length === 0 ? 'no note is kept' : formatTable(['session', 'notes'], rows))
    return
  }
  const notes = (await store.list(session)).map(entryOf)
  const rows = notes.map(({ id, captured_at, bytes }) => [id, captured_at, String(bytes)])
  output.result(
    { session, notes },
    rows.length === 0 ? 'no note is kept' : formatTable(['note', 'kept', 'bytes'], rows),
  )
}

/** `airlock memory show SESSION NOTE` */
export async function memoryShowCommand(
  { output }: CommandContext,
  common: GlobalOptions,
  session: string,
  id: string,
): Promise<void> {
  await using workspace = await Workspace.open({ configFile: common.config, debug: common.debug === true })
  output.use(workspace.masker)
  using store = await openStore(workspace)
  const note = await store.show(session, id)
  output.result(note, note.content.split('\n').map(printable).join('\n'))
}

/** `airlock memory forget SESSION [NOTE]` */
export async function memoryForgetCommand(
  { output }: CommandContext,
  common: GlobalOptions,
  session: string,
  id: string | undefined,
): Promise<void> {
  await using workspace = await Workspace.open({ configFile: common.config, debug: common.debug === true })
  output.use(workspace.masker)
  using store = await openStore(workspace)
  const forgotten = await workspace.audited(
    'memory.forget',
    { session, note: id ?? null },
    () => store.forget(session, id),
    (notes) => ({ notes }),
  )
  output.result({ forgotten }, `${forgotten} ${forgotten === 1 ? 'note' : 'notes'} forgotten`)
}

async function openStore({ config, masker }: Workspace): Promise<NoteStore> {
  const { enabled, max_note_bytes, max_notes, max_sessions } = config.memory
  const days = config.retention.memory.max_age_days
  return await NoteStore.open({
    dir: join(config.home, 'memory'),
    masker,
    enabled,
    maxNoteBytes: max_note_bytes,
    maxNotes: max_notes,
    maxSessions: max_sessions,
    maxAgeMs: days === undefined ? undefined : days * 86_400_000,
  })
}

function entryOf({ id, captured_at, content }: Note) {
  return { id, captured_at, bytes: Buffer.byteLength(content) }
}

/** What stdin gives, as UTF-8; no more of it is read than a note may have. Throws MEMORY_REFUSED. */
async function readContent(maxBytes: number, signal: AbortSignal): Promise<string> {
  const end = () => process.stdin.destroy()
  signal.addEventListener('abort', end, { once: true })
  const chunks: Buffer[] = []
  try {
    let size = 0
    for await (const chunk of process.stdin) {
      chunks.push(chunk as Buffer)
      size += (chunk as Buffer).length
      if (size > maxBytes) throw memoryRefused('it is longer than memory.max_note_bytes')
    }
  } finally {
    signal.removeEventListener('abort', end)
  }
  signal.throwIfAborted()
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch {
    throw memoryRefused('it is no UTF-8 text')
  }
}
