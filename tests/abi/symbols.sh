#!/bin/sh
# The exported symbols of a shared library against a committed list.
#
#   symbols.sh check LIBRARY LIST              fails when they differ
#   symbols.sh refresh LIBRARY LIST [...]      writes LIST anew
#
# A symbol that is gone breaks programs that were built before; one that came is a
# promise. So a change of a list is a decision, and belongs into the commit that makes it.
set -eu

exported() {
    # Defined ones, without versions, without what linkers and compilers add.
    nm -D --defined-only "$1" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
        grep -v '^_' | LC_ALL=C sort
}

usage() {
    echo "usage: $0 check LIBRARY LIST | refresh LIBRARY LIST [LIBRARY LIST ...]" >&2
    exit 2
}

[ $# -ge 3 ] || usage
command=$1
shift
case $command in
check)
    found=$(mktemp)
    trap 'rm -f "$found"' EXIT
    exported "$1" >"$found"
    if ! diff -u "$2" "$found"; then
        echo "exported symbols differ from $2: if that is meant, run: ninja abi-refresh" >&2
        exit 1
    fi
    echo "$(wc -l <"$2") symbols"
    ;;
refresh)
    while [ $# -ge 2 ]; do
        exported "$1" >"$2"
        echo "$2: $(wc -l <"$2") symbols"
        shift 2
    done
    ;;
*) usage ;;
esac
