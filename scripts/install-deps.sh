#!/bin/sh
# Installs what is missing of the groups of scripts/packages: install-deps.sh GROUP ...
#
# Asks nothing. With everything in place it touches nothing and needs no rights;
# otherwise it must be root or may use sudo. On a system without dpkg it only says what
# to look for.
set -eu

here=$(cd "$(dirname "$0")" && pwd)

packages_of() {
    # A line per package: "required NAME" or "optional NAME".
    for group in "$@"; do
        awk -v group="$group" '
            $1 == group { print "required", $2 }
            $1 == group "?" { print "optional", $2 }' "$here/packages"
    done
}

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

install_missing() {
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        echo "These packages are missing, and this is neither root nor is there sudo:$*" >&2
        echo "As root: apt-get install$*" >&2
        exit 1
    fi
    echo "Installing:$*"
    as_root apt-get update -q </dev/null
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "$@" </dev/null
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "No apt here: what is needed is listed in scripts/packages under Debian's names."
    exit 0
fi

missing=
optional=
list=$(packages_of "$@")
while read -r kind name; do
    if [ -z "$name" ] || is_installed "$name"; then
        continue
    elif [ "$kind" = required ]; then
        missing="$missing $name"
    else
        optional="$optional $name"
    fi
done <<LIST
$list
LIST

if [ -n "$missing" ]; then
    # Names are words: they are meant to be split.
    # shellcheck disable=SC2086
    install_missing $missing
fi

# One by one, so that what a release does not have costs nothing. The lists of packages
# are fresh when something was missing; where nothing was, a check is skipped at worst.
for name in $optional; do
    if apt-cache show "$name" >/dev/null 2>&1 &&
        { [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; }; then
        install_missing "$name" || echo "Without $name: what needs it is skipped."
    fi
done
