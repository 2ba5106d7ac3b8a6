#!/bin/sh
# base, wire, cache and client compile for Windows: every source by itself, with mingw.
# Exits with 77 (skipped) when there is no such compiler.
#
#   mingw.sh SOURCE_ROOT BUILD_ROOT
#
# Of the libraries only headers are needed, and those of SQLite and protobuf-c are the
# same on every system.
set -eu

source_root=$1
build_root=$2
cc=x86_64-w64-mingw32-gcc
command -v "$cc" >/dev/null || { echo "skipped: no $cc here"; exit 77; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/include/protobuf-c"
includedir() { pkg-config --variable=includedir "$1"; }
cp "$(includedir libprotobuf-c)/protobuf-c/protobuf-c.h" "$work/include/protobuf-c/"
folders="base wire"
if pkg-config --exists sqlite3; then
    cp "$(includedir sqlite3)/sqlite3.h" "$work/include/"
    folders="base wire cache client"
fi

count=0
failed=0
for folder in $folders; do
    for source in "$source_root/lib/$folder"/*.c; do
        [ -f "$source" ] || continue
        count=$((count + 1))
        "$cc" -std=c11 -O2 -Wall -Wextra -Wpedantic -Werror -Wconversion -Wshadow -Wformat=2 \
            -Wstrict-prototypes -Wmissing-prototypes -Wswitch-enum -Wvla -DNDEBUG \
            -I"$source_root/include" -I"$source_root/lib" -I"$build_root/proto" \
            -isystem "$work/include" -c "$source" -o "$work/object.o" || failed=$((failed + 1))
    done
done
for source in "$build_root"/proto/libchat/v1/*.pb-c.c; do
    count=$((count + 1))
    "$cc" -std=c11 -O2 -I"$build_root/proto" -isystem "$work/include" -c "$source" \
        -o "$work/object.o" || failed=$((failed + 1))
done
echo "mingw: $((count - failed)) of $count sources compile"
[ "$failed" -eq 0 ] && [ "$count" -gt 0 ]
