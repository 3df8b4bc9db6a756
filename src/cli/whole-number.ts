import { AirlockError } from '../errors/index.js'

/** A whole number from 1 to `most`, given to an option. Throws USAGE. */
export function wholeNumber(option: string, text: string, most: number): number {
  const number = /^[1-9]\d{0,11}$/.test(text) ? Number(text) : 0
  if (number >= 1 && number <= most) return number
  throw new AirlockError('USAGE', {
    phase: 'config',
    params: { problem: `${option} is a whole number from 1 to ${most}` },
  })
}
