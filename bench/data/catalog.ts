import type { DataSet } from './data-set.js'
import { INTEGER_ROWS } from './integer-rows.js'
import { MIXED_ROWS } from './mixed-rows.js'
import { MANY_NARROW_ROWS, NARROW_ROWS } from './narrow-rows.js'
import { WIDE_ROWS } from './wide-rows.js'

/** Every data set, in the order in which they are measured. */
export const DATA_SETS: readonly DataSet[] = [MIXED_ROWS, INTEGER_ROWS, WIDE_ROWS, NARROW_ROWS, MANY_NARROW_ROWS]
