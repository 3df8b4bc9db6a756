import type { Driver } from '../../core/define-driver.js'
import { defineLocalDriver } from '../../core/define-local-driver.js'
import type { LocalDriverSpec } from '../../core/driver.js'
import { filesConfig } from './config.js'
import { classifyFilesError } from './errors.js'
import { FILES_POLICIES } from './policies.js'
import { FilesSession } from './session.js'

/** The declarative part of the files driver. */
export const filesSpec: LocalDriverSpec<typeof filesConfig> = {
  family: 'files',
  title: 'Files (CSV, TSV, JSONL)',
  config: filesConfig,
  capabilities: {
    extract: true,
    write: true,
    discover: true,
    query: false,
    modes: ['append', 'replace'],
    rawFormats: [],
  },
  policies: FILES_POLICIES,
  open: (config) => FilesSession.open(config),
  classify: classifyFilesError,
}

/** Reads and writes CSV, TSV and JSONL files in a folder of this machine. */
export const files: Driver<typeof filesConfig> = defineLocalDriver(filesSpec)
