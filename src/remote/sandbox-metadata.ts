/** Whose a sandbox is. Ids only: whoever has a key of the platform's team can read it. */
export interface SandboxIds {
  /** The one that runs what is in sandboxes; another never touches them. */
  readonly deployment: string
  readonly run: string
  readonly job: string
  readonly attempt: number
  /** No two requests to create have the same, so that one whose answer was lost can be found. */
  readonly try: string
  /** After this nobody waits for it any more, to the second. */
  readonly expires: Date
}

export const APP = 'airlock'
const ID = /^[A-Za-z0-9._-]{1,100}$/

/** The metadata of a sandbox, all of it text as the platform wants it. Throws TypeError for an id that is none: text of any
 * other kind must not get there. */
export function metadataOf(ids: SandboxIds): Readonly<Record<string, string>> {
  const { deployment, run, job, attempt, expires } = ids
  const metadata = {
    ...{ app: APP, deployment, run, job, try: ids.try },
    attempt: String(attempt),
    exp: String(Math.ceil(expires.getTime() / 1000)),
  }
  if (!Object.values(metadata).every((value) => ID.test(value))) throw new TypeError('metadata holds ids only')
  return metadata
}

/** Reads metadata as `metadataOf` writes it; undefined for that of anybody else. */
export function idsOf(metadata: Readonly<Record<string, string>>): SandboxIds | undefined {
  const { app, deployment, run, job, attempt, exp } = metadata
  const count = metadata['try']
  const isOurs = app === APP && [deployment, run, job, count].every((value) => value !== undefined && ID.test(value))
  if (!isOurs || !/^\d{1,6}$/.test(attempt ?? '') || !/^\d{1,11}$/.test(exp ?? '')) return undefined
  return {
    ...{ deployment: deployment!, run: run!, job: job!, try: count! },
    attempt: Number(attempt),
    expires: new Date(Number(exp) * 1000),
  }
}
