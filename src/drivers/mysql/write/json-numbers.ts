/** Strings of JSON, which may hold anything that looks like a number, or numbers. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/gs
const LEAST = -(2n ** 63n)
const GREATEST = 2n ** 64n - 1n

/** Whether MySQL would keep every number of a JSON text: it stores 64-bit integers and doubles. `1.10` and `1.1` are the
 * same number here. */
export function keepsNumbers(json: string): boolean {
  for (const [token] of json.matchAll(TOKEN)) {
    if (token.startsWith('"')) continue
    if (/^-?\d+$/.test(token)) {
      const value = BigInt(token)
      if (value >= LEAST && value <= GREATEST) continue
      return false
    }
    if (digitsOf(token) !== digitsOf(String(Number(token)))) return false
  }
  return true
}

/** Significant digits and exponent: equal for equal numbers. */
function digitsOf(number: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(number) ?? []
  const all = (whole + fraction).replace(/^0+/, '')
  const digits = all.replace(/0+$/, '')
  if (digits === '') return '0'
  return `${sign}${digits}e${Number(exponent) - fraction.length + all.length - digits.length}`
}
