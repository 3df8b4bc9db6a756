#!/bin/sh
# Starts PgBouncer as an unprivileged user. PGBOUNCER_PASSWORD is the password of the user who looks the others up.
set -eu
run=/run/pgbouncer
install -d -o postgres -m 700 "$run"
install -o postgres -m 600 /tls/server.key "$run/server.key"
printf '"postgres" "%s"\n' "$PGBOUNCER_PASSWORD" >"$run/userlist.txt"
chown postgres "$run/userlist.txt"
chmod 600 "$run/userlist.txt"
unset PGBOUNCER_PASSWORD
exec setpriv --reuid postgres --regid postgres --clear-groups pgbouncer /airlock/pgbouncer.ini
