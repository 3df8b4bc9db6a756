#!/bin/sh
# Makes an authority and a server certificate for the containers in $1 and publishes the authority's certificate in $2.
# Does nothing while the last ones are good for another week.
set -eu
tls=$1
published=$2

if ! openssl x509 -checkend 604800 -noout -in "$tls/server.pem" 2>/dev/null; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj '/CN=Airlock compose authority' \
    -keyout "$tls/ca.key" -out "$tls/ca.pem"
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=localhost' \
    -keyout "$tls/server.key" -out "$tls/server.csr"
  printf 'subjectAltName=DNS:localhost,DNS:db.airlock.test\nextendedKeyUsage=serverAuth\n' >"$tls/server.ext"
  openssl x509 -req -days 90 -in "$tls/server.csr" -CA "$tls/ca.pem" -CAkey "$tls/ca.key" -CAcreateserial \
    -extfile "$tls/server.ext" -out "$tls/server.pem"
  rm "$tls/ca.key" "$tls/server.csr" "$tls/server.ext"
  # 999 is the user of both servers' images; each refuses a key that others may read.
  chmod 600 "$tls/server.key"
  chown 999:999 "$tls/server.key"
  chmod 644 "$tls/ca.pem" "$tls/server.pem"
fi
cp "$tls/ca.pem" "$published/ca.pem"
