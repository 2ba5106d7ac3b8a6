#!/bin/sh
# localize.sh LIBDIR: after installation, makes each static library one object in which
# only chat_ names are global. What is hidden in the shared library would otherwise meet the
# application's own names when it links statically.
set -eu
libdir=$1
cc=${CC:-cc}
command -v objcopy >/dev/null 2>&1 || {
    echo "localize: no objcopy; static libraries keep their inner names" >&2
    exit 0
}
for library in libchat libchat-server libchat-testkit; do
    name=$library.a
    archive=${MESON_INSTALL_DESTDIR_PREFIX:?}/$libdir/$name
    [ -f "$archive" ] || continue
    tmp=$(mktemp -d)
    $cc -nostdlib -r -o "$tmp/$library.o" -Wl,--whole-archive "$archive" -Wl,--no-whole-archive
    # What they have in common is libchat's alone, so that all can be linked.
    case $library in
    libchat) objcopy --localize-hidden "$tmp/$library.o" ;;
    libchat-server) objcopy --wildcard --keep-global-symbol='chat_server_*' "$tmp/$library.o" ;;
    *) objcopy --wildcard --keep-global-symbol='chat_testkit_*' "$tmp/$library.o" ;;
    esac
    rm -f "$archive"
    ar rcs "$archive" "$tmp/$library.o"
    rm -rf "$tmp"
done
