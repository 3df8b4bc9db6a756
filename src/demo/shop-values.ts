/** What MySQL stores for "no date" where its SQL mode allows it; Postgres has no such date. */
export const ZERO_DATE = '0000-00-00'

/** One value of the seed data. Text is text, dates and times too; bytes are bytes. */
export type SeedValue = string | number | boolean | Uint8Array | null

/** A first name, and how it is written in an address. */
const FIRST_NAMES = [
  ['Ada', 'ada'],
  ['Bruno', 'bruno'],
  ['Zoë', 'zoe'],
  ['Dmitri', 'dmitri'],
  ['Élodie', 'elodie'],
  ['Farid', 'farid'],
  ['Grace', 'grace'],
  ['Jürgen', 'juergen'],
  ['Łukasz', 'lukasz'],
  ['花子', 'hanako'],
  ['Niamh', 'niamh'],
] as const
const LAST_NAMES = ['Keller', "O'Brien", 'Müller', 'García', 'Nowak', 'Okafor', 'Rossi', 'Sørensen', 'Weiß', '山田']
const MAIL_HOSTS = ['example.com', 'example.org', 'mail.example.net']

/** 32 bits that depend on the row and the salt alone (the finalizer of MurmurHash3): the same shop on every machine. */
export function noise(row: number, salt: number): number {
  let bits = Math.imul(row, 0x9e3779b1) ^ Math.imul(salt + 1, 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}

export function pick<T>(list: readonly T[], row: number, salt: number): T {
  return list[noise(row, salt) % list.length]!
}

export function fullName(customer: number): string {
  return `${pick(FIRST_NAMES, customer, 1)[0]} ${pick(LAST_NAMES, customer, 2)}`
}

/** Under the domains that RFC 2606 reserves: nobody's address. */
export function email(customer: number): string {
  return `${pick(FIRST_NAMES, customer, 1)[1]}.${customer}@${pick(MAIL_HOSTS, customer, 4)}`
}

/** Of the form of a Swiss mobile number. */
export function phone(customer: number): string {
  const digits = String(noise(customer, 5) % 10_000_000).padStart(7, '0')
  return `+41 79 ${digits.slice(0, 3)} ${digits.slice(3, 5)} ${digits.slice(5)}`
}

/** Of the form of a payment card, from a range that test cards use. */
export function card(customer: number): string {
  const digits = String(noise(customer, 6) % 100_000_000).padStart(8, '0')
  return `4000 0000 ${digits.slice(0, 4)} ${digits.slice(4)}`
}

/** A day from `year` on, within `years`. */
export function date(row: number, salt: number, year: number, years: number): string {
  const bits = noise(row, salt)
  return `${year + (bits % years)}-${two(1 + ((bits >>> 8) % 12))}-${two(1 + ((bits >>> 16) % 28))}`
}

/** A moment of 2024 or 2025, to the microsecond. */
export function moment(row: number, salt: number): string {
  const bits = noise(row, salt + 100)
  const micros = String(noise(row, salt + 200) % 1_000_000).padStart(6, '0')
  const time = `${two(bits % 24)}:${two((bits >>> 8) % 60)}:${two((bits >>> 16) % 60)}`
  return `${date(row, salt, 2024, 2)} ${time}.${micros}`
}

export function money(row: number, salt: number, limit: number): string {
  const cents = noise(row, salt) % (limit * 100)
  return `${Math.floor(cents / 100)}.${two(cents % 100)}`
}

/** Bytes of every kind, NUL, line feed, quote and backslash among them. */
export function bytes(row: number, salt: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => noise(row, salt + index) & 0xff)
}

function two(number: number): string {
  return String(number).padStart(2, '0')
}
