import type { DsnText } from './dsn.js'
import { parameterVerdict } from './parameter-name.js'

/** Where a `name=value` stands: all of it is text[start, end), with the quotes that surround the value. */
export interface ParameterSpan {
  readonly start: number
  readonly nameEnd: number
  readonly valueStart: number
  readonly valueEnd: number
  readonly end: number
}

/** Hides what must not be shown of a parameter: the value of a credential, a value under a harmless name that does not
 * match `shown`, and all of an unknown parameter, because its name may be the rest of a password with a separator. */
export function hideParameter(dsn: DsnText, span: ParameterSpan, shown: RegExp): void {
  const verdict = parameterVerdict(dsn.text.slice(span.start, span.nameEnd))
  if (verdict === 'unknown') dsn.hide(span.start, span.end, 'unknown')
  else if (verdict === 'password') dsn.hide(span.valueStart, span.valueEnd, 'password')
  else if (!shown.test(dsn.text.slice(span.valueStart, span.valueEnd))) {
    dsn.hide(span.valueStart, span.valueEnd, 'unknown')
  }
}
