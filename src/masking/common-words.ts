/** Values that are too common to be hidden wherever they occur: the passwords that everybody tries first, and the names
 * that users, databases, schemas and hosts have everywhere. Drawn from the public lists of most used passwords and from
 * the defaults of the database images. Lower case; the comparison ignores case. */
export const COMMON_WORDS: ReadonlySet<string> = new Set(
  `admin administrator root toor user users username guest test tester testing tests demo sample example default
  password passwd passw0rd p@ssword p@ssw0rd password1 password12 password123 password1234 passphrase pass secret secrets
  changeme changeit change_me change-me letmein welcome welcome1 qwerty qwerty123 qwertyuiop azerty asdfgh asdfghjkl
  zxcvbnm abc123 abcd1234 abcdef abcdefgh a1b2c3d4 iloveyou monkey dragon football baseball superman batman sunshine
  princess shadow master michael jordan harley ranger hunter trustno1 starwars whatever freedom computer internet
  1234 12345 123456 1234567 12345678 123456789 1234567890 0000 00000 000000 00000000 1111 11111 111111 11111111 123123
  123321 654321 666666 696969 121212 112233 987654321 1q2w3e 1q2w3e4r 1qaz2wsx
  mysql mariadb postgres postgresql pgsql supabase sqlite sqlserver oracle mongodb mongo redis rabbitmq cassandra
  clickhouse elastic elasticsearch kibana grafana kafka minio vault consul database databases datasource schema schemas
  public private internal external information_schema performance_schema pg_catalog template0 template1 authenticator
  authenticated service_role anon service services server servers client clients backend frontend
  localhost localhost.localdomain localdomain hostname host.docker.internal gateway proxy router
  production staging development develop integration sandbox preview release testing123 local docker container
  kubernetes cluster node worker manager reader writer readonly read_only readwrite replica replication replicator
  primary secondary standby leader follower master slave backup archive warehouse analytics reporting metrics
  monitoring monitor telemetry application applications app appuser app_user dbuser db_user dbadmin db_admin dba
  system sysadmin superuser operator developer deploy deployer jenkins github gitlab circleci travis
  http https postgresql:// mysql:// localhost:3306 localhost:5432 127.0.0.1 0.0.0.0 undefined null none true false
  enabled disabled required optional string number boolean object content message session request response token tokens
  customer customers order orders product products account accounts invoice invoices payment payments`.split(/\s+/),
)
