import { posix } from 'node:path'
import { Refusal } from './refusal.js'

/** The home directory of the user in E2B's templates. */
const GUEST_HOME = '/home/user'

/** Where the paths of a guest lie on this machine: all of them below the sandbox's directory. */
export class GuestPaths {
  /** `/home/user` and `/tmp` of the guest. */
  readonly home: string
  readonly tmp: string
  readonly #directory: string
  readonly #mentions: RegExp

  /** `root`: the directory of the server. What is below it already is left as it is. */
  constructor(directory: string, root: string) {
    this.#directory = directory
    this.home = posix.join(directory, GUEST_HOME)
    this.tmp = posix.join(directory, 'tmp')
    const escaped = root.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    this.#mentions = new RegExp(`(${escaped})|(?<![\\w.~$})/-])(?<![\\w})]["'])(/home/user|/tmp)(?![\\w.-])`, 'g')
  }

  /** The absolute guest path of what a request names: relative ones and `~` start at the home directory. */
  resolve(named: string): string {
    if (named.startsWith(`${this.#directory}/`)) return this.toGuest(posix.normalize(named))
    if (/^~[^/]/.test(named)) throw Refusal.rpc('invalid_argument', 'cannot expand user-specific home dir')
    return posix.resolve(GUEST_HOME, named.replace(/^~\/?/, './'))
  }

  /** Where an absolute guest path lies. It has no way out, whatever `..` it is made of. */
  toHost(guest: string): string {
    return posix.join(this.#directory, posix.resolve('/', guest))
  }

  toGuest(host: string): string {
    return host.startsWith(`${this.#directory}/`) ? host.slice(this.#directory.length) : host
  }

  /** Text with the guest's home and `/tmp` replaced by where they are: command lines and variables. */
  rewrite(text: string): string {
    return text.replace(this.#mentions, (whole, own: string | undefined) =>
      own === undefined ? this.toHost(whole) : whole,
    )
  }
}
