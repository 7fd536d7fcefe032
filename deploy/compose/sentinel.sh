#!/bin/sh
# A Sentinel that watches the primary. It rewrites its configuration, so that has to be a file of its own.
set -eu
cat > /tmp/sentinel.conf <<END
port 26379
dir /tmp
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel monitor mogate valkey 6379 2
sentinel auth-pass mogate $(cat /run/secrets/valkey)
sentinel down-after-milliseconds mogate 3000
sentinel failover-timeout mogate 10000
END
exec valkey-sentinel /tmp/sentinel.conf
