const quoteLibpq = (secret: string) => `'${secret.replace(/[\\']/g, '\\$&')}'`
const quoteAdo = (secret: string) => `"${secret.replace(/"/g, '""')}"`
const quoteOdbc = (secret: string) => `{${secret.replace(/}/g, '}}')}}`

/** Connection strings of every family with a secret in each place that one can have, as people write it: encoded or
 * quoted where the dialect asks for it, and raw where they forget. */
export const SHAPES: Readonly<Record<string, (secret: string) => string>> = {
  url: (s) => `postgres://app:${s}@db.host.test:5432/shop?sslmode=require`,
  urlShort: (s) => `mysql://app:${s}@db.host.test`,
  urlEncoded: (s) => `postgres://app:${encodeURIComponent(s)}@db.host.test/shop`,
  supabase: (s) => `postgresql://postgres.abcdefghij:${s}@aws-0-eu-west-1.pooler.supabase.com:6543/postgres`,
  severalHosts: (s) => `postgresql://app:${s}@h1.test:1,h2.test:2/shop?target_session_attrs=read-write`,
  ipv6: (s) => `postgres://app:${s}@[::1]:5432/shop`,
  socket: (s) => `postgres://app:${s}@/shop?host=/var/run/postgresql`,
  socketPath: (s) => `mysql://app:${s}@localhost/shop?socketPath=/run/my.sock`,
  noUser: (s) => `redis://:${s}@cache.test:6379/0`,
  queryEncoded: (s) => `postgres://db.host.test/shop?user=app&password=${encodeURIComponent(s)}&sslmode=require`,
  queryRaw: (s) => `postgres://db.host.test/shop?user=app&password=${s}&sslmode=require`,
  twice: (s) => `postgres://app:${s}@db.host.test/shop?password=${s}`,
  unknownName: (s) => `postgres://db.host.test/shop?custom=${encodeURIComponent(s)}`,
  goTcp: (s) => `app:${s}@tcp(db.host.test:3306)/shop?parseTime=true`,
  goUnix: (s) => `app:${s}@unix(/run/my.sock)/shop`,
  libpq: (s) => `host=db.host.test password=${quoteLibpq(s)} dbname=shop`,
  libpqSpaced: (s) => `host=db.host.test password = ${quoteLibpq(s)} connect_timeout=10`,
  libpqRaw: (s) => `host=db.host.test password=${s} dbname=shop`,
  jdbc: (s) => `jdbc:mysql://db.host.test:3306/shop?user=app&password=${encodeURIComponent(s)}&useSSL=true`,
  jdbcRaw: (s) => `jdbc:postgresql://db.host.test/shop?user=app&password=${s}`,
  jdbcUserinfo: (s) => `jdbc:mariadb://app:${s}@db.host.test/shop`,
  jdbcAddress: (s) => `jdbc:mysql://address=(host=db.test)(port=3306)(user=app)(password=${s})/shop`,
  jdbcAddressCommas: (s) => `jdbc:mysql://(host=db.test,port=3306,user=app,password=${s})/shop`,
  sqlServer: (s) => `jdbc:sqlserver://db.test:1433;databaseName=shop;user=sa;password=${quoteOdbc(s)};encrypt=true`,
  sqlServerRaw: (s) => `jdbc:sqlserver://db.test:1433;databaseName=shop;user=sa;password=${s};encrypt=true`,
  oracle: (s) => `jdbc:oracle:thin:app/${s}@db.host.test:1521:orcl`,
  oracleService: (s) => `jdbc:oracle:thin:app/${s}@//db.host.test:1521/orcl`,
  ado: (s) => `Server=tcp:db.test,1433;Database=shop;User ID=app;Password=${quoteAdo(s)};Encrypt=True;`,
  adoRaw: (s) => `Server=db.test;Uid=app;Pwd=${s};Port=3306;`,
  adoLast: (s) => `Server=db.test;Uid=app;Pwd=${s}`,
  npgsql: (s) => `Host=db.test;Port=5432;Username=app;Password=${s};Database=shop`,
  odbc: (s) => `Driver={MySQL ODBC 8.0 Unicode Driver};Server=db.test;UID=app;PWD=${quoteOdbc(s)};`,
}
