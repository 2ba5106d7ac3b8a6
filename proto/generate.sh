#!/bin/sh
# generate.sh PROTOC_C PROTO_ROOT FILE.proto OUTDIR: C for one file, names shortened.
set -eu
protoc_c=$1 root=$2 file=$3 outdir=$4
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
"$protoc_c" -I "$root" --c_out="$tmp" "$file"
base=${file%.proto}
for end in c h; do
  sed -e 's/Libchat__V1__/Wire/g' -e 's/LIBCHAT__V1__/WIRE_/g' -e 's/libchat__v1__/wire_/g' \
    "$tmp/$base.pb-c.$end" >"$outdir/$(basename "$base").pb-c.$end"
done
