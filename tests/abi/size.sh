#!/bin/sh
# size.sh LIBRARY BYTES_MAX: what an application ships, without symbols for debugging.
set -eu

case $1 in *.a) exit 77 ;; esac
command -v strip >/dev/null || exit 77
stripped=$(mktemp)
trap 'rm -f "$stripped"' EXIT
strip -o "$stripped" "$1"
bytes=$(wc -c <"$stripped")
echo "$bytes bytes stripped, at most $2"
[ "$bytes" -lt "$2" ]
