import { createMasker } from '../../src/masking/index.js'
import { logText, perByte, secrets, show } from './measure.js'

const SIZES = [200, 2048, 65_536]
/** What a masker made of one expression per kind of secret costs: the chain that the automaton replaces. */
const CHAIN = [
  ...[
    /AKIA[A-Z0-9]{16}/g,
    /gh[pousr]_[A-Za-z0-9]{36}/g,
    /github_pat_\w{22,}/g,
    /glpat-[\w-]{20}/g,
    /[sr]k_(?:live|test)_\w{24,}/g,
  ],
  ...[/sb_secret_[\w-]{20,}/g, /sbp_[a-f0-9]{40}/g, /e2b_[a-f0-9]{40}/g, /sk-proj-[\w-]{40,}/g, /sk-ant-[\w-]{40,}/g],
  ...[
    /AIza[\w-]{35}/g,
    /ya29\.[\w-]+/g,
    /xox[abprs]-[\w-]{10,}/g,
    /npm_\w{36}/g,
    /pypi-[\w-]{50,}/g,
    /hvs\.[\w-]{24,}/g,
  ],
  ...[
    /napi_[a-z0-9]{64}/g,
    /pscale_\w+_[\w.-]{32,}/g,
    /SG\.[\w-]{22}\.[\w-]{43}/g,
    /hf_[A-Za-z]{34}/g,
    /dop_v1_[a-f0-9]{64}/g,
  ],
  ...[/dp\.pt\.\w{43}/g, /eyJ[\w-]+\.[\w-]+\.[\w-]+/g, /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END/g],
  ...[/\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s/:@]+:[^\s@]+@/gi, /\bauthorization:\s*\S+ \S+/gi, /\b(?:set-)?cookie:\s*.+/gi],
  ...[
    /(?:password|passwd|pwd|secret|token|api_?key)["']?\s*[:=]\s*["']?[^\s"',;]+/gi,
    /identified by '[^']*'/gi,
    /\bBearer [\w.-]+/g,
  ],
]

show('masker, ns per byte', ...SIZES.map((size) => `${size} B`))
for (const count of [0, 20, 100, 1000]) {
  const masker = createMasker({ secrets: secrets(count) })
  show(
    `text, ${count} secrets and all rules`,
    ...SIZES.map((size) => perByte(logText(size), (text) => masker.text(text))),
  )
}
show('JSON.stringify of the text', ...SIZES.map((size) => perByte(logText(size), (text) => JSON.stringify(text))))
show(
  'a chain of 30 expressions',
  ...SIZES.map((size) =>
    perByte(logText(size), (text) => CHAIN.reduce((rest, rule) => rest.replace(rule, '***'), text)),
  ),
)

show('\nstreaming 64 KiB, ns per byte', '16 chars', '256 chars', '4096 chars')
const masker = createMasker({ secrets: secrets(20) })
show(
  'chunks, 20 secrets',
  ...[16, 256, 4096].map((size) => {
    const text = logText(65_536)
    const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, i) => text.slice(i * size, (i + 1) * size))
    return perByte(text, () => {
      const chunks = masker.chunks()
      for (const piece of pieces) chunks.write(piece)
      chunks.end()
    })
  }),
)
