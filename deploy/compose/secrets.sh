#!/bin/sh
# Makes the secrets of the compose example, once; what is there is kept. Nothing has a default password.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
for name in valkey grafana; do
    [ -s "secrets/$name" ] || head -c 24 /dev/urandom | base64 | tr -d '\n/+=' > "secrets/$name"
    # The services read it as users of their own.
    chmod 0444 "secrets/$name"
done
chmod 0711 secrets
