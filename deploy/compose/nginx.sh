#!/bin/sh
# Starts nginx with the shipped configuration, on this example's addresses: the packet core is the network phones are
# simulated in, and the gateways are found by name.
set -eu
sed -e 's|198\.51\.100\.0/24|172.31.78.0/24|' \
    -e 's|192\.0\.2\.10:80|8080|' \
    -e 's|192\.0\.2\.20:443|8443|' \
    -e 's|192\.0\.2\.30:443|127.0.0.1:9443|' \
    -e 's|server 127\.0\.0\.1:|server gateway:|' \
    -e 's|/etc/nginx/tls/mogate-ca\.pem|/data/tls/ca.pem|' \
    -e 's|/etc/nginx/tls/operators-ca\.pem|/data/tls/ca.pem|' \
    -e "s#/etc/nginx/tls/\(mogate\|admin\)\.#/data/tls/server.#" \
    /shipped/mogate.conf > /etc/nginx/conf.d/mogate.conf
rm -f /etc/nginx/conf.d/default.conf
exec nginx -g 'daemon off;'
