import type { CellMask } from './cell-mask.js'
import { Ff1 } from './ff1.js'
import { failedMask, type RuleContext, refusedRule, requireKeys } from './rule-context.js'

/** Value bits of the integer types, the sign left out. int16 has too few for FF1. */
const INTEGER_BITS = new Map<string, number>([
  ['int32', 31],
  ['int64', 63],
  ['uint64', 64],
])

/** `fpe`: format-preserving encryption with FF1 (NIST SP 800-38G, AES-256). The column keeps its type and distinct values
 * stay distinct, so key columns stay keys. Text: its 6 to 128 digits are encrypted, spaces and `-./()+:#` stay where
 * they are, any other character throws `MASK_FAILED`. uuid: its 32 hexadecimal digits. int32, int64, uint64: the whole
 * range of the type, so small numbers become large ones; the sign stays. Some 30 µs a value: `tokenize` is the
 * cheaper choice where the format does not matter. */
export function compileFpe(context: RuleContext): CellMask {
  if (context.type === 'text') return digitMask(context, 10, /^[\d ./()+:#-]+$/, /\D/g, 6, 128)
  if (context.type === 'uuid') return digitMask(context, 16, /^[\da-f-]{36}$/, /-/g, 32, 32)
  const bits = INTEGER_BITS.get(context.type)
  if (bits === undefined) throw refusedRule(context.at, 'fpe serves text, uuid, int32, int64 and uint64 columns only')
  return integerMask(context, bits)
}

type Mask = (text: string) => string

function cellMask(context: RuleContext, mask: Mask): CellMask {
  return {
    rule: context.rule,
    keyed: true,
    oneToOne: true,
    givesNull: false,
    output: 'same',
    apply(data, start, end, out) {
      if (end - start > 256) throw failedMask(context.at)
      out.appendLatin1(mask(String.fromCharCode(...data.subarray(start, end))))
      return true
    },
  }
}

/** Encrypts the digits of a text and puts them back between its other characters. */
function digitMask(context: RuleContext, radix: 10 | 16, shape: RegExp, others: RegExp, least: number, most: number) {
  const ff1 = new Ff1(requireKeys(context).derive('fpe'), radix)
  const prefix = radix === 16 ? '0x' : ''
  return cellMask(context, (text) => {
    const digits = text.replace(others, '')
    const { length } = digits
    if (!shape.test(text) || length < least || length > most) throw failedMask(context.at)
    const half = Math.floor(length / 2)
    const { high, low } = ff1.encrypt(
      BigInt(prefix + digits.slice(0, half)),
      BigInt(prefix + digits.slice(half)),
      length,
    )
    const encrypted = high.toString(radix).padStart(half, '0') + low.toString(radix).padStart(length - half, '0')
    let at = 0
    let masked = ''
    for (const character of text) masked += /[\da-f]/.test(character) ? encrypted[at++] : character
    return masked
  })
}

/** Encrypts the bits of a non-negative number; -1 - n stands for the negative ones, so that both signs use the whole
 * range. */
function integerMask(context: RuleContext, bits: number): CellMask {
  const ff1 = new Ff1(requireKeys(context).derive('fpe'), 2)
  const lowBits = BigInt(bits - Math.floor(bits / 2))
  const lowMask = (1n << lowBits) - 1n
  return cellMask(context, (text) => {
    if (!/^-?\d+$/.test(text)) throw failedMask(context.at)
    const value = BigInt(text)
    const magnitude = value < 0n ? -1n - value : value
    if (magnitude >> BigInt(bits) !== 0n || (context.type === 'uint64' && value < 0n)) throw failedMask(context.at)
    const { high, low } = ff1.encrypt(magnitude >> lowBits, magnitude & lowMask, bits)
    const encrypted = (high << lowBits) | low
    return String(value < 0n ? -1n - encrypted : encrypted)
  })
}
