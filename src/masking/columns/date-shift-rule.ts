import type { ByteSink } from './byte-sink.js'
import type { CellMask } from './cell-mask.js'
import { DATE_TYPES } from './generalize-rules.js'
import { civilFromDays, daysFromCivil, IsoDateReader, isInfinity } from './iso-date.js'
import { failedMask, type RuleContext, refusedRule, requireKeys } from './rule-context.js'

const FURTHEST = 365

/** `date-shift`: every date of the column moves by the same secret number of days, 1 to 365 forwards or backwards, drawn
 * from the mask key and the scope, so intervals and order stay true; a shared domain keeps them true across columns.
 * The time of day stays. Infinite dates and the open ends 0001-01-01 and 9999-12-31 stay as they are. Whoever knows
 * one true date of the scope knows them all: use `generalize-year` against that. Date and timestamp columns, and text
 * columns of ISO dates; another text, or a date that would leave the years 1 to 9999, throws `MASK_FAILED`. */
export function compileDateShift(context: RuleContext): CellMask {
  if (!DATE_TYPES.has(context.type)) {
    throw refusedRule(context.at, 'date-shift serves date, timestamp and text columns only')
  }
  return new DateShiftMask(context)
}

class DateShiftMask implements CellMask {
  readonly rule: string
  readonly keyed = true
  readonly oneToOne = false
  readonly givesNull = false
  readonly output = 'same'
  readonly #context: RuleContext
  readonly #reader = new IsoDateReader()
  readonly #offset: number

  constructor(context: RuleContext) {
    this.rule = context.rule
    this.#context = context
    this.#offset = dayOffset(requireKeys(context).derive('date-shift'))
  }

  apply(data: Uint8Array, start: number, end: number, out: ByteSink): boolean {
    const reader = this.#reader
    if (!reader.read(data, start, end)) {
      if (this.#context.type === 'text' || !isInfinity(data, start, end)) throw failedMask(this.#context.at)
      out.append(data, start, end)
      return true
    }
    if (isOpenEnd(reader)) {
      out.append(data, start, end)
      return true
    }
    const shifted = civilFromDays(daysFromCivil(reader.year, reader.month, reader.day) + this.#offset)
    if (shifted.year < 1 || shifted.year > 9999) throw failedMask(this.#context.at)
    out.appendLatin1(`${pad(shifted.year, 4)}-${pad(shifted.month, 2)}-${pad(shifted.day, 2)}`)
    out.append(data, reader.timeStart, reader.timeEnd)
    return true
  }
}

/** -365 to 365 without 0, evenly: 48 bits leave a bias below 10^-11. */
function dayOffset(key: Uint8Array): number {
  const draw = Buffer.from(key).readUIntBE(0, 6) % (2 * FURTHEST)
  return draw < FURTHEST ? draw - FURTHEST : draw - FURTHEST + 1
}

function isOpenEnd(date: IsoDateReader): boolean {
  return (
    (date.year === 9999 && date.month === 12 && date.day === 31) ||
    (date.year === 1 && date.month === 1 && date.day === 1)
  )
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0')
}
