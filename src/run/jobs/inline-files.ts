import { readFile, stat } from 'node:fs/promises'
import { z } from 'zod'
import { fieldRole } from '../../core/config-fields.js'
import { AirlockError } from '../../errors/index.js'

const PEM = '-----BEGIN '

/** The settings of a connection with the contents of its files (`tls.ca`, `tls.cert`, `tls.key`) in place of their paths,
 * for a machine that does not have them. What is no PEM stays: the folder of the files driver. Throws CONFIG_INVALID for a
 * file that cannot be read, SECRET_FILE_OPEN for a private key that other users can read. */
export async function inlineFiles(
  schema: z.ZodObject,
  settings: Readonly<Record<string, unknown>>,
  path: readonly string[] = [],
): Promise<Readonly<Record<string, unknown>>> {
  const inlined: Record<string, unknown> = { ...settings }
  for (const [name, field] of Object.entries(schema.shape) as [string, z.ZodType][]) {
    const value = settings[name]
    const inner = innerObject(field)
    if (typeof value === 'string' && fieldRole(field) === 'file' && isPemField(name)) {
      inlined[name] = await pemOf(value, [...path, name].join('.'))
    } else if (inner !== undefined && typeof value === 'object' && value !== null) {
      inlined[name] = await inlineFiles(inner, value as Record<string, unknown>, [...path, name])
    }
  }
  return inlined
}

function isPemField(name: string): boolean {
  return name === 'ca' || name === 'cert' || name === 'key'
}

function innerObject(field: z.ZodType): z.ZodObject | undefined {
  let current: z.ZodType = field
  while (current instanceof z.ZodOptional || current instanceof z.ZodDefault || current instanceof z.ZodNullable) {
    current = current.unwrap() as z.ZodType
  }
  return current instanceof z.ZodObject ? current : undefined
}

async function pemOf(value: string, at: string): Promise<string> {
  if (value.startsWith(PEM)) return value
  let text: string
  try {
    if (at.endsWith('key') && process.platform !== 'win32' && ((await stat(value)).mode & 0o077) !== 0) {
      throw new AirlockError('SECRET_FILE_OPEN', { phase: 'config', params: { at } })
    }
    text = await readFile(value, 'utf8')
  } catch (error) {
    if (error instanceof AirlockError) throw error
    throw invalid(at, 'the file cannot be read')
  }
  // Bundles of authorities begin with remarks.
  const start = text.indexOf(PEM)
  if (start < 0) throw invalid(at, 'the file is no PEM')
  return text.slice(start)
}

function invalid(at: string, problem: string): AirlockError {
  return new AirlockError('CONFIG_INVALID', { phase: 'config', params: { at, problem } })
}
