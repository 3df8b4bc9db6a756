import type { Agent, Dispatcher } from 'undici'
import { faultOfStatus } from './classify-sandbox-error.js'
import { retryAfterMs } from './retry-after.js'
import { SandboxFault } from './sandbox-fault.js'

export interface RangedRequest {
  /** Holds a signature: whoever has it can read the file. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** First byte that is wanted. */
  readonly from: number
  readonly signal: AbortSignal
}

/** One GET of a file from a byte on (RFC 9110, 14.2), as it is: uncompressed, so that its length is known and it can be
 * resumed. Gives the body once the head is there; whoever stops reading closes the connection. Follows no redirect, since
 * the signature in the URL belongs to one sandbox. Throws SandboxFault for an answer that is none, and whatever undici
 * throws for a connection that breaks. */
export async function rangedDownload(agent: Agent, request: RangedRequest): Promise<Dispatcher.ResponseData['body']> {
  const { url, from, signal } = request
  const { request: send } = await import('undici')
  const answer = await send(url, {
    dispatcher: agent,
    signal,
    headers: {
      ...request.headers,
      'accept-encoding': 'identity',
      ...(from === 0 ? {} : { range: `bytes=${from}-` }),
    },
  })
  const problem = problemOf(answer, from)
  if (problem === undefined) return answer.body
  answer.body.on('error', discarded).destroy()
  throw problem
}

function problemOf({ statusCode, headers }: Dispatcher.ResponseData, from: number): SandboxFault | undefined {
  if (statusCode !== (from === 0 ? 200 : 206)) {
    // A server that ignores the range would send what is here already.
    if (statusCode >= 200 && statusCode < 300) return new SandboxFault('server_error', { status: statusCode })
    const wait = retryAfterMs(textOf(headers['retry-after']))
    return new SandboxFault(faultOfStatus(statusCode), {
      status: statusCode,
      ...(wait === undefined ? {} : { retryAfterMs: wait }),
    })
  }
  const encoding = textOf(headers['content-encoding'])
  if (encoding !== undefined && encoding !== 'identity') return new SandboxFault('server_error', { status: statusCode })
  if (from === 0) return undefined
  const start = /^bytes (\d+)-/.exec(textOf(headers['content-range']) ?? '')?.[1]
  return Number(start) === from ? undefined : new SandboxFault('server_error', { status: statusCode })
}

function textOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header
}

function discarded(): void {
  // The body of an answer that is refused; the refusal is what counts.
}
