#!/bin/sh
# The programs in docs/guide.md, as they stand there: built with the commands of the guide
# against an installed libchat, and run.
#
#   guide.sh SOURCE_ROOT BUILD_ROOT
set -eu

guide=$1/docs/guide.md
build=$2
bin=$build/daemons
work=$(mktemp -d "${TMPDIR:-/var/tmp}/libchat-guide.XXXXXX")
chatd_pid=
end() {
    [ -z "$chatd_pid" ] || kill -9 "$chatd_pid" 2>/dev/null || true
    rm -rf "$work"
}
trap end EXIT
trap 'exit 1' HUP INT TERM
export LC_ALL=C.UTF-8
for variable in $(env | sed -n 's/^\(CHAT_[A-Z0-9_]*\|LIBCHAT_[A-Z0-9_]*\)=.*/\1/p'); do
    unset "$variable"
done

meson install --no-rebuild --quiet -C "$build" --destdir "$work/root" >"$work/install.log" 2>&1 || {
    cat "$work/install.log"
    exit 1
}
# The files name the real prefix; until they are there, all of it stands under a root.
PKG_CONFIG_PATH=$(dirname "$(find "$work/root" -name libchat.pc)")
PKG_CONFIG_SYSROOT_DIR=$work/root
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
LD_LIBRARY_PATH=$(pkg-config --variable=libdir libchat)
case $LD_LIBRARY_PATH in
"$work"/*) ;;
*) LD_LIBRARY_PATH=$work/root$LD_LIBRARY_PATH ;;
esac
export LD_LIBRARY_PATH

mkdir "$work/talk"
cd "$work/talk"

# block NAME: what stands in the block that follows <!-- NAME -->.
block() {
    awk -v mark="<!-- $1 -->" '
        $0 == mark { marked = 1; next }
        marked && /^```$/ { exit }
        inside { print }
        marked && /^```/ { inside = 1 }' "$guide"
}

for file in talk.c test_talk.c; do
    block "file: $file" >$file
    [ -s $file ] || { echo "docs/guide.md has no $file"; exit 1; }
done
block "run: build" >build.sh
block "run: test" >test.sh
sh -eu build.sh
sh -eu test.sh >test.out
[ "$(tail -n 1 test.out)" = ok ] || { cat test.out; exit 1; }

"$bin/chatd" --data data --router.listen=127.0.0.1:0 --router.admin_listen=none \
    --store.segment_bytes=1MiB >ready 2>chatd.log </dev/null &
chatd_pid=$!
tries=0
until grep -q ' ready ' ready; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || { tail chatd.log; exit 1; }
    sleep 0.1
done
CHAT_URL=wss://localhost:$(sed -n 's/.* listen=\([0-9]*\).*/\1/p' ready)/
CHAT_CA=data/keys/ca.pem
export CHAT_URL CHAT_CA
"$bin/chatctl" direct bob zoë --data data --url "$CHAT_URL" >direct.out

# She says it and leaves; bob's history has it, and then her own.
echo "it is done" | CHAT_TOKEN=$("$bin/chatctl" token zoë --data data) timeout 60 ./talk >talk.out
grep -qx 'zoë: it is done' talk.out || { echo "talk shows:"; cat talk.out; exit 1; }
"$bin/chat" --quit-at-end --ca $CHAT_CA --channel zoë \
    --token "$("$bin/chatctl" token bob --data data)" "$CHAT_URL" </dev/null >bob.out 2>&1
# Before he is in the conversation it may be told with its name as well.
[ "$(grep -c '^[0-9:]* <zoë> it is done$' bob.out)" -eq 1 ] || { echo "bob sees:"; cat bob.out; exit 1; }
echo "talk.c and test_talk.c do what the guide says"
