import { FrameWriter } from '../../src/remote/frame-writer.js'

// `write-frames.ts FILE COUNT`: a first frame, then so many of 8 kB and 3 kB, to an output that does not block. A pipe has
// room by pages, so that some of the long ones are taken in part.
const [file, count] = process.argv.slice(2)
void process.stdout.writableLength
const writer = new FrameWriter({
  file: file!,
  mask: (text) => text,
  onGone: () => process.stderr.write('gone\n'),
})
writer.write({ t: 'opened' })
for (let at = 0; at < Number(count); at++) {
  writer.write({ t: 'event', name: 'warning.raised', data: { problem: 'x'.repeat(at % 2 === 0 ? 8000 : 3000) } })
}
