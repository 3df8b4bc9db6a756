#!/bin/sh
# The entry point of the stand-in images. It understands what the official images of MySQL, MariaDB and Postgres do with
# these variables and arguments, as far as testcontainers, docker-compose.yml and the tests use them:
#
#   MYSQL_ROOT_PASSWORD, MYSQL_DATABASE, MYSQL_USER, MYSQL_PASSWORD (or MARIADB_…)
#   POSTGRES_PASSWORD, POSTGRES_USER, POSTGRES_DB
#
# Arguments go to the server; its program may come first. Any other first word is a command of its own. As in the official images,
# nothing listens on TCP before the set-up is done.
set -eu
umask 077

# An SQL string of MySQL.
literal() {
  printf "'%s'" "$(printf '%s' "$1" | sed -e 's/\\/\\\\/g' -e "s/'/''/g")"
}

mysql_init() {
  root=$(literal "${MYSQL_ROOT_PASSWORD:-${MARIADB_ROOT_PASSWORD:?MYSQL_ROOT_PASSWORD is not set}}")
  database=${MYSQL_DATABASE:-${MARIADB_DATABASE:-}}
  user=${MYSQL_USER:-${MARIADB_USER:-}}
  password=$(literal "${MYSQL_PASSWORD:-${MARIADB_PASSWORD:-}}")
  # A file of the server's own, so that no password is an argument. It is read before the server listens.
  cat <<SQL
ALTER USER root@localhost IDENTIFIED BY $root;
CREATE USER IF NOT EXISTS root@'%' IDENTIFIED BY $root;
GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;
SQL
  if [ -n "$database" ]; then printf '%s\n' "CREATE DATABASE IF NOT EXISTS \`$database\`;"; fi
  if [ -n "$user" ]; then printf '%s\n' "CREATE USER IF NOT EXISTS '$user'@'%' IDENTIFIED BY $password;"; fi
  if [ -n "$user" ] && [ -n "$database" ]; then printf '%s\n' "GRANT ALL ON \`$database\`.* TO '$user'@'%';"; fi
}

run_mysql() {
  data=/var/lib/mysql
  server=$(command -v mariadbd || command -v mysqld)
  install -d -o mysql -g mysql "$data" /run/mysqld /var/lib/mysql-files
  if [ ! -d "$data/mysql" ]; then
    case $server in
      *mariadbd) mariadb-install-db --no-defaults --user=mysql --datadir="$data" --skip-test-db \
        --auth-root-authentication-method=normal >/dev/null ;;
      *) mysqld --no-defaults --initialize-insecure --user=mysql --datadir="$data" ;;
    esac
  fi
  mysql_init >/run/mysqld/init.sql
  chown mysql:mysql /run/mysqld/init.sql
  exec "$server" --no-defaults --user=mysql --datadir="$data" --socket=/run/mysqld/mysqld.sock --bind-address='*' \
    --init-file=/run/mysqld/init.sql "$@"
}

as_postgres() {
  setpriv --reuid=postgres --regid=postgres --init-groups "$@"
}

run_postgres() {
  data=${PGDATA:-/var/lib/postgresql/data}
  user=${POSTGRES_USER:-postgres}
  install -d -o postgres -g postgres "$data" /run/postgresql
  if [ ! -f "$data/PG_VERSION" ]; then
    file=/run/postgresql/password
    printf '%s\n' "${POSTGRES_PASSWORD:?POSTGRES_PASSWORD is not set}" >"$file"
    chown postgres:postgres "$file"
    as_postgres initdb --pgdata="$data" --username="$user" --pwfile="$file" --auth-local=trust \
      --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 >/dev/null
    rm "$file"
    echo 'host all all all scram-sha-256' >>"$data/pg_hba.conf"
    if [ "${POSTGRES_DB:-$user}" != postgres ]; then
      echo "CREATE DATABASE \"${POSTGRES_DB:-$user}\"" | as_postgres postgres --single -D "$data" postgres >/dev/null
    fi
  fi
  exec setpriv --reuid=postgres --regid=postgres --init-groups postgres -D "$data" -c listen_addresses='*' "$@"
}

if [ -d /usr/lib/postgresql ]; then
  PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
  kind=postgres
else
  kind=mysql
fi
case ${1:-} in
  -* | '') ;;
  server | postgres | mysqld | mariadbd) shift ;;
  *) exec "$@" ;;
esac
cd /
case $kind in
  postgres) run_postgres "$@" ;;
  mysql) run_mysql "$@" ;;
esac
