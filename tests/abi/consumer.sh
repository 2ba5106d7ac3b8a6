#!/bin/sh
# Builds and runs programs outside the tree against an installed libchat, by pkg-config
# and a plain compiler: C and C++, shared and static.
#
#   consumer.sh SOURCE_ROOT BUILD_ROOT
set -eu

source_root=$1
build_root=$2
here=$source_root/tests/abi/consumer
cc=${CC:-cc}
cxx=${CXX:-c++}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

meson install --no-rebuild --quiet -C "$build_root" --destdir "$work/root" >"$work/install.log" 2>&1 || {
    cat "$work/install.log"
    exit 1
}

found=$(find "$work/root" -name libchat.pc)
[ -n "$found" ] || { echo "no libchat.pc was installed" >&2; exit 1; }
# The files name the real prefix; until they are there, all of it stands under a root.
PKG_CONFIG_PATH=$(dirname "$found")
PKG_CONFIG_SYSROOT_DIR=$work/root
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
libdir=$(pkg-config --variable=libdir libchat)
case $libdir in
"$work"/*) ;;
*) libdir=$work/root$libdir ;;
esac

# build_and_run NAME COMPILER SOURCE PACKAGE [pkg-config options]
build_and_run() {
    name=$1 compiler=$2 source=$3 package=$4
    shift 4
    # Flags are words: they are meant to be split.
    # shellcheck disable=SC2046
    $compiler -Wall -Wextra -pedantic -Werror -o "$work/$name" "$here/$source" \
        $(pkg-config "$@" --cflags "$package") $(pkg-config "$@" --libs "$package")
    LD_LIBRARY_PATH=$libdir "$work/$name"
    echo "$name: built and ran"
}

# Each example is compiled by the line that its first comment says.
examples() {
    mkdir "$work/examples"
    for source in "$source_root"/examples/*.c; do
        line=$(sed -n 's/^ \*   \(cc [^*]*\).*/\1/p' "$source" | head -n 1)
        case $line in
        "") echo "$source does not say how to compile it" >&2; exit 1 ;;
        *libchat-testkit*) [ -f "$PKG_CONFIG_PATH/libchat-testkit.pc" ] || continue ;;
        esac
        cp "$source" "$work/examples"
        (cd "$work/examples" && LD_LIBRARY_PATH=$libdir && export LD_LIBRARY_PATH &&
            eval "$cc ${line#cc }") >"$work/examples.log" 2>&1 || {
            cat "$work/examples.log"
            echo "$source: \"$line\" does not work" >&2
            exit 1
        }
        echo "${source##*/}: $line"
    done
}

programs() {
    build_and_run "c$1" "$cc -std=c11" main.c libchat $2
    build_and_run "cpp$1" "$cxx -std=c++11" main.cc libchat $2
    if [ -f "$PKG_CONFIG_PATH/libchat-server.pc" ]; then
        build_and_run "server$1" "$cc -std=c11" server.c libchat-server $2
    fi
    if [ -f "$PKG_CONFIG_PATH/libchat-testkit.pc" ]; then
        build_and_run "testkit$1" "$cc -std=c11" testkit.c libchat-testkit $2
        build_and_run "testkitpp$1" "$cxx -std=c++11" testkit.cc libchat-testkit $2
    fi
}

if [ -n "$(find "$libdir" -name 'libchat.so*')" ]; then
    programs "" ""
    examples
fi
if [ -f "$libdir/libchat.a" ]; then
    if command -v objcopy >/dev/null 2>&1; then
        for archive in "$libdir"/libchat*.a; do
            leaked=$(nm -g --defined-only "$archive" | awk 'NF == 3 && $3 !~ /^chat_/ { print $3 }')
            [ -z "$leaked" ] || { echo "$archive defines names that are not chat_:" $leaked >&2; exit 1; }
        done
    fi
    find "$libdir" -name 'libchat*.so*' -exec rm -f {} +
    programs "-static" "--static"
fi
