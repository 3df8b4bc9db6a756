import { once } from 'node:events'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import { createMasker } from '../../src/masking/index.js'

const masker = createMasker({ secrets: ['stream-secret-0123'] })

describe('chunks', () => {
  it('hold back exactly what may still be a secret', () => {
    const chunks = masker.chunks()
    expect(chunks.write('hello ')).toBe('hello ')
    expect(chunks.write('Password: ')).toBe('Password: ')
    expect(chunks.write('a line\nstream-sec')).toBe('*** line\n')
    expect(chunks.write('ure\n')).toBe('stream-secure\n')
    expect(chunks.write('stream-secret-0123')).toBe('***')
    expect(chunks.end()).toBe('')
  })

  it('mask an open rule region at the end, and give back an unfinished value', () => {
    const region = masker.chunks()
    expect(region.write('a postgres://u:half-a-pass') + region.end()).toBe('a postgres://u:***')
    const key = masker.chunks()
    expect(key.write('-----BEGIN PRIVATE KEY-----\nMIIEvQ') + key.end()).toBe('***')
    const value = masker.chunks()
    expect(value.write('start stream-sec') + value.end()).toBe('start stream-sec')
  })

  it('release a mask at once and swallow what it covers, however long', () => {
    const chunks = masker.chunks()
    expect(chunks.write('x "password":"')).toBe('x "password":')
    expect(chunks.write('a'.repeat(400))).toBe('"***')
    for (let i = 0; i < 100; i++) expect(chunks.write('b'.repeat(1000))).toBe('')
    expect(chunks.write('end","n":1} !')).toBe('","n":1} !')
  })

  it('put characters together that were cut in two', () => {
    const chunks = createMasker({ secrets: ['ключ-🔑-пароль'] }).chunks()
    const bytes = Buffer.from('до ключ-🔑-пароль после 🔑')
    let out = ''
    for (const byte of bytes) out += chunks.write(Uint8Array.of(byte))
    expect(out + chunks.end()).toBe('до *** после 🔑')
  })

  it('are closed once they have ended', () => {
    const chunks = masker.chunks()
    chunks.write('a')
    chunks.end()
    expect(chunks.write('b') + chunks.end()).toBe('')
  })
})

describe('stream', () => {
  it('masks bytes and strings that flow through it', async () => {
    const parts = ['a stream-', Buffer.from('secret-0123 b '), 'tok', Buffer.from('en=abc\n'), 'end']
    expect(await text(Readable.from(parts).pipe(masker.stream()))).toBe('a *** b token=***\nend')
  })

  it('obeys back-pressure and ends with its source', async () => {
    const stream = masker.stream()
    let received = 0
    stream.on('data', (chunk: Buffer) => {
      received += chunk.length
    })
    const line = 'one line of an ordinary log without any secret in it\n'
    await pipeline(Readable.from(Array.from({ length: 2000 }, () => line)), stream, { end: true })
    if (!stream.readableEnded) await once(stream, 'end')
    expect(received).toBe(2000 * line.length)
  })
})
