import { createMasker } from '../../src/masking/index.js'
import { nanoseconds, record, secrets, show } from './measure.js'

interface Logger {
  info(record: object): void
}
type Pino = (options: object, destination: { write(line: string): void }) => Logger

/** Ratio of a masked logger call to the same call of bare pino: the object walk before, the text pass over the finished
 * line. pino is a development dependency; without it there is nothing to compare with. */
async function loadPino(): Promise<Pino | null> {
  try {
    const name = 'pino'
    const loaded = (await import(name)) as { default: Pino }
    return loaded.default
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_MODULE_NOT_FOUND') throw error
    return null
  }
}

const SIZES = [450, 2300, 66_000]
const masker = createMasker({ secrets: secrets(20) })
const pino = await loadPino()
const buffer = Buffer.alloc(1 << 20)
let bytes = 0
/** Encodes the line, as every real destination does; without that the line would stay an unread tree of pieces. */
const sink = {
  write(line: string) {
    bytes += buffer.write(line)
  },
}
const maskedSink = {
  write(line: string) {
    bytes += buffer.write(masker.text(line))
  },
}

function perCall(size: number, call: (line: object) => void): number {
  const line = record(size)
  const repeats = Math.ceil(6_000_000 / size)
  return nanoseconds(repeats, () => {
    for (let i = 0; i < repeats; i++) call(line)
  })
}

show('one log call, ns', ...SIZES.map((size) => `${size} B`))
const stringify = SIZES.map((size) => perCall(size, (line) => sink.write(JSON.stringify(line))))
show('JSON.stringify and write', ...stringify)
if (pino === null) console.log('pino is not installed: npm install --no-save pino@10 to compare with it')
else {
  const bare = pino({}, sink)
  const masked = pino({}, maskedSink)
  const walked = pino({ formatters: { log: (line: object) => masker.value(line) as object } }, maskedSink)
  const base = SIZES.map((size) => perCall(size, (line) => bare.info(line)))
  const text = SIZES.map((size) => perCall(size, (line) => masked.info(line)))
  const both = SIZES.map((size) => perCall(size, (line) => walked.info(line)))
  show('pino', ...base)
  show('pino, masked line', ...text)
  show('  ratio', ...text.map((time, i) => time / base[i]!))
  show('pino, masked object and line', ...both)
  show('  ratio', ...both.map((time, i) => time / base[i]!))
}
if (bytes === 0) throw new Error('nothing was written')
