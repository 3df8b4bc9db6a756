/** Why a connection URL is refused. A closed list of sentences: none can hold a part of the URL. */
export const URL_PROBLEMS = {
  empty: 'it is empty',
  whitespace: 'it has white space where none belongs',
  control: 'it holds a control character, raw or percent-encoded',
  jdbc: 'it is a JDBC URL, which this driver does not read',
  keywords: 'it is key=value text and not a URL',
  notUrl: 'it is not a URL of the form scheme://user:password@host:port/database',
  scheme: 'its scheme belongs to another driver',
  percent: 'a % in it is not followed by two hexadecimal digits of valid UTF-8',
  mixed: 'its user or password mixes percent-encoded with raw special characters',
  reserved: 'a raw / ? or # stands before an @; write %2F, %3F, %23, or %40 for the @',
  fragment: 'it has a fragment; write %23 for a # that belongs to a value',
  emptyUser: 'its user is empty',
  emptyPassword: 'its password is empty',
  noHost: 'it names no host',
  host: 'its host is not a host name or an IP address',
  port: 'its port is not a number from 1 to 65535',
  severalHosts: 'it names several hosts',
  database: 'its path is more than one database name',
  parameter: 'it has a parameter that could change the address, the credentials, TLS or the session',
  parameterTwice: 'it gives a parameter twice',
  tls: 'its TLS parameter would allow an unverified connection; use the field tls',
} as const

export type UrlProblem = keyof typeof URL_PROBLEMS
