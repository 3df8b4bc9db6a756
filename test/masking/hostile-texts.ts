/** Pieces that, repeated, make a careless rule quadratic. */
export const HOSTILE: readonly string[] = [
  ...['a', 'a://b:', 'postgres://b:1/?a=', 'a://b:1/', 'postgres://u:p', '@', '=', ':', '"', "'", '\\', '\n', ' '],
  ...['\x1b[', '\x1b[31m', 'eyJ', 'eyJaaaaaaa.', '-----BEGIN PRIVATE KEY-----', '-----BEGIN PRIVATE KEY-----\n'],
  ...['ghp_aaaa', 'AKIAAAAAAA', 'abcdef01', 'password', 'password=', 'password: ', 'password="', '"password":"'],
  ...[
    'password=\\',
    'password={[',
    'password   ',
    'password:\n',
    'password=a&',
    'password=a;b',
    'password=)',
    'password=,',
  ],
  ...['password: a ', 'password: |\n  ', 'password $a$', '<password>', '"a":{', 'token_', 'token ', 'key ', 'bearer a'],
  ...['authorization: bearer ', 'basic YTpi', 'Cookie: ', '&key=', '%3D', '--password ', '$2b$', 'mysql ', 'mysql -p'],
  ...['curl -u a', ':5432:a:b', 'a:b@tcp(', 'a:@/', 'identified by ', 'identified with ', "' replace "],
  ...['set password for a ', 'machine a login b password '],
]

/** A piece repeated to a length. */
export function repeated(part: string, length: number): string {
  return part.repeat(Math.ceil(length / part.length)).slice(0, length)
}
