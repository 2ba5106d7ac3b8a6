#!/bin/sh
# Builds an application that has libchat as a Meson subproject, with the parts it names
# only, and runs it.
#
#   subproject.sh SOURCE_ROOT CONSUMER_SOURCE
set -eu

source_root=$1
consumer=$2

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/subprojects"
ln -s "$source_root" "$work/subprojects/libchat"
cp "$consumer" "$work/app.c"
cat >"$work/meson.build" <<'BUILD'
project('app', 'c')
executable('app', 'app.c', dependencies: dependency('libchat', fallback: 'libchat',
  default_options: ['server=disabled', 'transport=disabled', 'tests=disabled']))
BUILD

# --force-fallback-for: one that is installed here proves nothing.
meson setup --force-fallback-for=libchat "$work/build" "$work" >"$work/log" 2>&1 &&
    ninja -C "$work/build" app >>"$work/log" 2>&1 || {
    tail -n 40 "$work/log"
    exit 1
}
"$work/build/app"
