import { type Dsn, DsnText } from './dsn.js'
import { readGoDsn } from './go-dsn.js'
import { readJdbc } from './jdbc.js'
import { readKeywords } from './keywords.js'
import { readPairs } from './pairs.js'
import { readUrl } from './url.js'

/** Understands a connection string of any family well enough to say which parts of it must not be shown. Tolerant where
 * people are sloppy (raw reserved characters, any case, white space around), linear in the length, never throws, and
 * never hands raw input to `URL`, whose errors quote it. Returns undefined for a text that no grammar accounts for: then
 * none of it may be shown. */
export function parseDsn(text: string): Dsn | undefined {
  const start = text.length - text.trimStart().length
  const end = text.trimEnd().length
  const dsn = new DsnText(text)
  if (/^jdbc:/i.test(text.slice(start, start + 5))) {
    const scheme = readJdbc(dsn, start, end)
    return scheme === undefined ? undefined : { kind: 'jdbc', scheme, spans: dsn.spans }
  }
  const go = new DsnText(text)
  const isGo = readGoDsn(go, start, end)
  // `app://pw@tcp(h)/d` is the user app; without a network it reads better as a URL.
  if (isGo && text.includes(')/')) return { kind: 'go', scheme: '', spans: go.spans }
  const scheme = /^[a-z][a-z\d+.-]{0,31}:\/\//i.exec(text.slice(start, start + 36))?.[0]
  if (scheme !== undefined) {
    readUrl(dsn, start + scheme.length, end)
    return { kind: 'url', scheme, spans: dsn.spans }
  }
  if (isGo) return { kind: 'go', scheme: '', spans: go.spans }
  return parseAssignments(text, start, end)
}

/** libpq and ADO share the form `key=value`; `host=h;password=a b` is valid in both and means different things. Where
 * both grammars accept the text, both hide. */
function parseAssignments(text: string, start: number, end: number): Dsn | undefined {
  const keywords = new DsnText(text)
  const keywordCount = readKeywords(keywords, start, end)
  if (keywordCount > 0 && !text.includes(';')) return { kind: 'keywords', scheme: '', spans: keywords.spans }
  const pairs = new DsnText(text)
  const pairCount = readPairs(pairs, start, end)
  if (pairCount <= 0) return keywordCount <= 0 ? undefined : { kind: 'keywords', scheme: '', spans: keywords.spans }
  // One harmless keyword with all the rest as its value: `Host=h;Password=…` of Npgsql, not libpq.
  const oneKeyword = keywordCount === 1 && keywords.spans.every(({ role }) => role === 'unknown')
  if (keywordCount <= 0 || oneKeyword) return { kind: 'pairs', scheme: '', spans: pairs.spans }
  return { kind: 'pairs', scheme: '', spans: [...keywords.spans, ...pairs.spans] }
}
