import type { CopyFile } from '../data/copy-file.js'
import type { DataSet } from '../data/data-set.js'
import type { Command } from '../measure/run-command.js'
import type { Servers } from '../servers.js'
import type { Workplace } from '../workplace.js'

/** What a case is given to make its command line from. The empty target table bears the name of the data set. */
export interface CaseSetting {
  readonly dataSet: DataSet
  readonly file: CopyFile
  readonly servers: Servers
  readonly workplace: Workplace
  /** A directory of this case alone, for the files that its command reads. */
  readonly directory: string
}

/** One way of filling the target table, as one command that is measured from its start to its end. To add one: write
 * a file beside this one and name it in a route. */
export interface BenchCase {
  readonly name: string
  readonly kind: 'floor' | 'peer' | 'airlock'
  /** One line for the report. */
  readonly summary: string
  /** Whether the case masks the data set's masked column; it is then left out of the comparison of contents. */
  readonly masks: boolean
  /** Why the case cannot run on this machine or for this data set. */
  missing(setting: Pick<CaseSetting, 'dataSet' | 'workplace'>): string | undefined
  /** Writes what the command reads, and gives the command. Not measured. */
  prepare(setting: CaseSetting): Promise<Command>
}
