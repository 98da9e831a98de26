#!/bin/bash
# Makes the certificates of the server's tests: an authority, a server and a client certificate of it, a second server
# certificate for the reload test, and a client certificate of nobody that is trusted. They guard nothing.
# Run from anywhere: Tests/oracle/server_certificates.sh
set -euo pipefail
cd "$(dirname "$0")/../Fixtures/server"
days=36500

authority() { # name
    openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1-key.pem"
    openssl req -x509 -new -key "$1-key.pem" -sha256 -days $days -subj "/CN=intentd test $1" -out "$1.pem" \
        -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign"
}

leaf() { # name, authority, extended key usage
    openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1-key.pem"
    openssl req -new -key "$1-key.pem" -subj "/CN=$1" |
        openssl x509 -req -CA "$2.pem" -CAkey "$2-key.pem" -set_serial "0x$(openssl rand -hex 8)" -sha256 -days $days \
            -out "$1.pem" -extfile <(printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=%s\n' "$3")
}

authority authority
authority stranger
leaf server authority serverAuth
leaf server-renewed authority serverAuth
leaf client authority clientAuth
leaf client-unknown stranger clientAuth
rm -f authority-key.pem stranger-key.pem stranger.pem
