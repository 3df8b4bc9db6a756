import type { CopyFile } from '../data/copy-file.js'
import type { DataSet } from '../data/data-set.js'
import type { End } from '../ends/end.js'
import type { Command } from '../measure/run-command.js'
import type { Servers } from '../servers.js'
import type { Workplace } from '../workplace.js'

/** What a case is given to make its command line from. The target table bears the name of the data set. */
export interface CaseSetting {
  readonly dataSet: DataSet
  /** The rows that are moved, in COPY text. */
  readonly file: CopyFile
  readonly source: End
  readonly target: End
  readonly servers: Servers
  readonly workplace: Workplace
  /** A directory of this case alone, for the files that its command reads. */
  readonly directory: string
}

/** A mask that the harness can check: by counts where values are keyed, else value by value. */
export type MaskRule = 'tokenize' | 'partial-email'

/** One way of filling the target table, as one command that is measured from its start to its end. To add one: write
 * a file beside this one and name it in a route. */
export interface BenchCase {
  readonly name: string
  readonly kind: 'floor' | 'peer' | 'airlock'
  /** One line for the report. */
  readonly summary: string
  /** The mask of the data set's masked column, which is then not compared as it is. */
  readonly mask?: MaskRule
  /** Runs only where `--cases` names it or `--all-cases` is given. */
  readonly optional?: boolean
  /** Runs in the first round only, because it takes very long. */
  readonly once?: boolean
  /** Needs servers with certificates. */
  readonly tls?: boolean
  /** Fills an empty table, on a route whose target otherwise has rows. */
  readonly intoEmpty?: boolean
  /** Why the case cannot run on this machine or for this data set. */
  missing(setting: Pick<CaseSetting, 'dataSet' | 'workplace'>): string | undefined
  /** Writes what the command reads, and gives the command. Not measured. */
  prepare(setting: CaseSetting): Promise<Command>
}
