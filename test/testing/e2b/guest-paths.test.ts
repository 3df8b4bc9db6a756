import { describe, expect, it } from 'vitest'
import { GuestPaths } from '../../../src/testing/e2b/guest-paths.js'

const paths = new GuestPaths('/tmp/root/i1', '/tmp/root')

describe('guest paths', () => {
  it.each([
    ['', '/home/user'],
    ['a/b', '/home/user/a/b'],
    ['~', '/home/user'],
    ['~/a', '/home/user/a'],
    ['/tmp/a', '/tmp/a'],
    ['../../../etc/x', '/etc/x'],
    ['/home/user/../../../x', '/x'],
    ['/tmp/root/i1/home/user/a', '/home/user/a'],
    ['/tmp/root/i1/../i2/a', '/tmp/root/i2/a'],
  ])('%j is %j', (named, guest) => {
    expect(paths.resolve(named)).toBe(guest)
    expect(paths.toHost(guest)).toMatch(/^\/tmp\/root\/i1(\/|$)/)
    expect(paths.toGuest(paths.toHost(guest))).toBe(guest)
  })

  it('has no way out', () => {
    expect(paths.toHost('/../../etc/x')).toBe('/tmp/root/i1/etc/x')
    expect(() => paths.resolve('~root/x')).toThrow('cannot expand')
  })

  it.each([
    ['node /home/user/run.js --out=/tmp/x', 'node /tmp/root/i1/home/user/run.js --out=/tmp/root/i1/tmp/x'],
    ['cat "/home/user/a b" \'/tmp\'', 'cat "/tmp/root/i1/home/user/a b" \'/tmp/root/i1/tmp\''],
    ['A=/tmp:/home/user;', 'A=/tmp/root/i1/tmp:/tmp/root/i1/home/user;'],
    ['$HOME/tmp ${X}/tmp "$X"/tmp $(pwd)/tmp ./tmp ../tmp ~/tmp', undefined],
    ['/tmpfs /home/username /var/tmp http://h/tmp /tmp.x', undefined],
    ['/tmp/root/i1/home/user/a /tmp/root/bin/node', undefined],
  ])('%s', (text, expected) => {
    expect(paths.rewrite(text)).toBe(expected ?? text)
  })
})
