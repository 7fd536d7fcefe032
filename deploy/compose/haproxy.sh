#!/bin/sh
# Starts HAProxy with the shipped configuration, on this example's addresses, in front of two gateways.
set -eu
umask 077
cat /data/tls/server.pem /data/tls/server.key > /tmp/server.pem
sed -e 's|198\.51\.100\.0/24|172.31.78.0/24|' \
    -e 's|192\.0\.2\.10:80|:8080|' \
    -e 's|192\.0\.2\.20:443|:8443|' \
    -e 's|192\.0\.2\.30:443|127.0.0.1:9443|' \
    -e "s#/etc/haproxy/tls/\(mogate\|admin\)\.pem#/tmp/server.pem#" \
    -e 's|/etc/haproxy/tls/[a-z-]*ca\.pem|/data/tls/ca.pem|' \
    -e 's|^\( *server \)one 127\.0\.0\.1:\(.*\)$|\1one gateway:\2\n\1two gateway-2:\2|' \
    /shipped/haproxy.cfg > /tmp/haproxy.cfg
exec haproxy -W -db -f /tmp/haproxy.cfg
