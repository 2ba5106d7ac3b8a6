#!/bin/sh
# C10, size (TDLib: 20 MB): the stripped client library stays below what was promised.
#
#   c10_size.sh LIBRARY
set -eu

limit=614400 # 600 KiB
copy=$(mktemp)
trap 'rm -f "$copy"' EXIT
cp "$1" "$copy"
strip "$copy"
size=$(wc -c <"$copy")
echo "$1: $size bytes stripped, at most $limit"
[ "$size" -le "$limit" ]
