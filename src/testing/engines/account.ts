import { readFileSync } from 'node:fs'

/** The unprivileged user that servers run as. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

/** The account for private servers: `undefined` (ourselves) unless we are root, since Postgres refuses to run as root.
 * It must be listed in the password file, or initdb cannot look it up; `nobody` is there on every Linux image. */
export function serverAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('nobody:'))
  const [, , uid, gid] = line?.split(':') ?? []
  return { uid: Number(uid ?? 65534), gid: Number(gid ?? 65534) }
}
