import { isUtf8 } from 'node:buffer'
import { DIGEST_LENGTH, DIGEST_MARK } from './audit-record.js'

/** What verification needs of a line. */
export interface AuditLine {
  readonly v: number
  readonly seq: number
  readonly type: string
  readonly data: unknown
  /** 64 characters; they are hexadecimal digits when they equal a digest. */
  readonly h: string
  /** The text that the digest covers. */
  readonly body: string
  /** The line is spelled as we spell it, so no reader can see another record in it: no key twice, no other order. */
  readonly canonical: boolean
}

const INTEGER = '(?:0|[1-9]\\d*)'
const STRING = '"[^"\\\\\\x00-\\x1f]*"'
const TEXT_OR_NULL = `(?:null|${STRING})`
/** A record up to its data, when no string in it has an escape. */
const HEAD = new RegExp(
  `^\\{"v":(${INTEGER}),"seq":(${INTEGER}),"ts":${STRING},` +
    `"writer":\\{"host":${STRING},"pid":${INTEGER},"thread":${INTEGER},"start":${INTEGER},"rand":${STRING}\\},` +
    `"session":${TEXT_OR_NULL},"type":"([^"\\\\\\x00-\\x1f]*)","op":${TEXT_OR_NULL},"outcome":${STRING},"data":`,
)

/** Reads one line of a segment, given without its newline; undefined when it is no whole record that ends with its
 * digest. Most lines match one expression and only their data is parsed; the others are parsed as a whole. */
export function readAuditLine(line: Buffer): AuditLine | undefined {
  if (line.length <= DIGEST_LENGTH || !isUtf8(line)) return undefined
  const text = line.toString('utf8')
  const mark = text.length - DIGEST_LENGTH
  const h = text.slice(mark + DIGEST_MARK.length, -2)
  if (!text.startsWith(DIGEST_MARK, mark) || !text.endsWith('"}')) return undefined
  const head = HEAD.exec(text)
  if (head === null) return readWhole(text, mark, h)
  const dataText = text.slice(head[0].length, mark)
  const data = parse(dataText)
  if (data === undefined) return readWhole(text, mark, h)
  const canonical = JSON.stringify(data) === dataText
  return { v: Number(head[1]), seq: Number(head[2]), type: head[3]!, data, h, body: text.slice(0, mark), canonical }
}

function readWhole(text: string, mark: number, h: string): AuditLine | undefined {
  const record = parse(text) as Partial<AuditLine> | null | undefined
  if (typeof record !== 'object' || record === null || record.h !== h) return undefined
  const { v, seq, type, data } = record
  if (typeof v !== 'number' || !Number.isSafeInteger(seq) || seq! < 0 || typeof type !== 'string') return undefined
  return { v, seq: seq!, type, data, h, body: text.slice(0, mark), canonical: JSON.stringify(record) === text }
}

/** undefined for what is not JSON, which no JSON text stands for. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
