import { AirlockError } from '../errors/index.js'

const UNITS: Readonly<Record<string, number>> = {
  '': 1024 ** 2,
  M: 1024 ** 2,
  MB: 1024 ** 2,
  MiB: 1024 ** 2,
  G: 1024 ** 3,
  GB: 1024 ** 3,
  GiB: 1024 ** 3,
}

/** A size given to an option, e.g. `512M` or `2G`, in binary units; megabytes where no unit is written. In bytes. Throws
 * USAGE for anything else and for less than `leastMegabytes`. */
export function byteSize(option: string, text: string, leastMegabytes: number): number {
  const [, digits = '', unit = ''] = /^([1-9]\d{0,6})(M|MB|MiB|G|GB|GiB)?$/.exec(text) ?? []
  const bytes = Number(digits) * UNITS[unit]!
  if (bytes >= leastMegabytes * 1024 ** 2) return bytes
  const problem = `${option} is a size such as 512M or 2G, at least ${leastMegabytes}M`
  throw new AirlockError('USAGE', { phase: 'config', params: { problem } })
}
