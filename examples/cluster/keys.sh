#!/bin/sh
# Makes the keys of this example in ./keys; what is there is left as it is.
#
#   keys.sh [CHATCTL]
set -eu
chatctl=${1:-chatctl}
mkdir -p keys data
chmod 700 keys data
[ -e keys/link.secret ] || "$chatctl" secret keys/link.secret
[ -e keys/issuer.secret ] || "$chatctl" secret keys/issuer.secret
[ -e keys/ticket.keys ] || "$chatctl" ticket-key keys/ticket.keys
[ -e keys/cert.pem ] || "$chatctl" cert keys localhost 127.0.0.1 ::1
