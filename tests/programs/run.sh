#!/bin/sh
# What an operator sees of the programs: help, settings and their errors, first start,
# signals, exit codes.
#
#   run.sh SOURCE_ROOT PROGRAMS
set -u

source=$1 bin=$2
work=$(mktemp -d "${TMPDIR:-/var/tmp}/libchat-programs.XXXXXX")
failed=0
checks=0
pid=

end() {
    [ -n "$pid" ] && kill -9 "$pid" 2>/dev/null
    rm -rf "$work"
}
trap end EXIT
trap 'exit 1' HUP INT TERM
cd "$work" || exit 1
for variable in $(env | sed -n 's/^\(LIBCHAT_[A-Z0-9_]*\)=.*/\1/p'); do
    unset "$variable"
done

wrong() {
    echo "FAILED: $*"
    failed=$((failed + 1))
}

# expect NAME CODE PATTERN COMMAND...: the exit code, and a line of the output.
expect() {
    name=$1 code=$2 pattern=$3
    shift 3
    checks=$((checks + 1))
    "$@" >out 2>&1 </dev/null
    got=$?
    [ $got -eq "$code" ] || wrong "$name: exit code $got, not $code: $(head -n 3 out)"
    grep -q -e "$pattern" out || wrong "$name: no line with \"$pattern\": $(head -n 3 out)"
}

# expect_config NAME PROGRAM PATTERN <<EOF: a file that is refused, and how.
expect_config() {
    cat >chat.conf
    expect "$1" 2 "$3" "$bin/$2" --config chat.conf --check-config
}

# start PROGRAM FLAGS...: in the background, until it is ready. Sets $pid, $port, $admin.
start() {
    program=$1
    shift
    : >ready
    "$bin/$program" "$@" >ready 2>>log </dev/null &
    pid=$!
    tries=0
    until grep -q ' ready ' ready; do
        tries=$((tries + 1))
        if [ $tries -gt 300 ] || ! kill -0 $pid 2>/dev/null; then
            wrong "$program does not start: $(tail -n 5 log)"
            return 1
        fi
        sleep 0.1
    done
    port=$(sed -n 's/.* listen=\([0-9]*\).*/\1/p' ready)
    admin=$(sed -n 's/.* admin=\([0-9]*\).*/\1/p' ready)
}

# stop SIGNAL CODE: and the exit code that must follow.
stop() {
    checks=$((checks + 1))
    kill "-$1" "$pid"
    wait "$pid"
    got=$?
    pid=
    [ $got -eq "$2" ] || wrong "after SIG$1: exit code $got, not $2: $(tail -n 3 log)"
}

# --- help and options ---

for program in chatd chat-router chat-presence chat-store; do
    expect "$program help" 0 "usage: $program" "$bin/$program" --help
    expect "$program help has settings" 0 '\[log\]' "$bin/$program" --help
    expect "$program version" 0 "^$program [0-9]" "$bin/$program" --version
    expect "$program unknown option" 2 'unknown option --nonsense' "$bin/$program" --nonsense
    expect "$program unknown key" 2 'log.levle' "$bin/$program" --log.levle=info
    expect "$program print" 0 'level = debug' "$bin/$program" --log.level=debug --print-config
done
expect "a wrong environment" 2 'environment: log.level' env LIBCHAT_LOG_LEVEL=loud "$bin/chatd" \
    --data d --check-config
expect "a flag outweighs the environment" 0 'level = error # flag' env LIBCHAT_LOG_LEVEL=debug \
    "$bin/chatd" --log.level=error --print-config
expect "help is of the program" 0 'secret_file' "$bin/chat-store" --help
grep -q '^\[router\]' out && wrong "chat-store's help tells of the router"
expect "chatctl help" 0 'replay' "$bin/chatctl" --help
expect "chatctl without a command" 2 'usage' "$bin/chatctl"
expect "chatctl unknown command" 2 'no such command' "$bin/chatctl" nonsense
for command in token secret ticket-key cert direct group stats drain replay; do
    expect "chatctl $command help" 0 "usage: chatctl $command" "$bin/chatctl" $command --help
done
expect "chat help" 0 'usage: chat' "$bin/chat" --help
expect "chat without a service" 2 'one URL is wanted' "$bin/chat" --token x
expect "a log that cannot be written" 1 'No such file' "$bin/chat" --log no/such/log wss://localhost:1/

# --- settings: the line, the key, what is allowed ---

expect_config "unknown key" chatd 'chat.conf:2: router.lisen' <<CONF
[router]
lisen = 127.0.0.1:8443
CONF
expect_config "wrong value" chatd 'chat.conf:3: limits.sessions_max: found "many"' <<CONF
# comment
[limits]
sessions_max = many
CONF
expect_config "below the least" chatd 'limits.sessions_max.*1 to 1000000' <<CONF
[limits]
sessions_max = 0
CONF
expect_config "a choice" chatd 'chat.conf:2: log.level.*error|warn|info|debug' <<CONF
[log]
level = loud
CONF
expect_config "an address" chatd 'chat.conf:4: router.listen: the port' <<CONF
[store]
data = d
[router]
listen = 127.0.0.1
CONF
expect_config "no data" chatd 'store.data: is missing' <<CONF
[log]
level = info
CONF
expect_config "a certificate alone" chatd '^chatd: chat.conf: router.tls_key: is missing.*chat.conf:4' <<CONF
[store]
data = d
[router]
tls_cert = cert.pem
CONF
expect_config "a certificate that is not there" chatd 'chat.conf:4: router.tls_cert: nothing.pem: there is no' <<CONF
[store]
data = d
[router]
tls_cert = nothing.pem
tls_key = nothing.pem
CONF
expect_config "a certificate that is none" chatd 'chat.conf:4: router.tls_cert: chat.conf: not usable' <<CONF
[store]
data = d
[router]
tls_cert = chat.conf
tls_key = chat.conf
CONF
expect_config "an origin with a slash at its end" chatd 'chat.conf:4: router.origins: "https://x.org/"' <<CONF
[store]
data = d
[router]
origins = https://ok.org:8443, https://x.org/
CONF
expect_config "a session limit that no router takes" chatd 'chat.conf:4: limits.session_frames_max: .* to 65536' <<CONF
[store]
data = d
[limits]
session_frames_max = 65537
CONF
expect_config "no link secret" chat-router 'link.secret_file: is missing' <<CONF
[router]
tls = no
CONF
expect_config "no store" chat-router 'peers.stores: is missing' <<CONF
[router]
tls = no
[link]
secret_file = s
CONF
expect_config "a wrong url" chat-router 'chat.conf:6: peers.stores: "http://x"' <<CONF
[router]
tls = no
[link]
secret_file = s
[peers]
stores = wss://ok, http://x
CONF
expect_config "no issuer" chat-router 'no \[issuer NAME\]' <<CONF
[router]
tls = no
[link]
secret_file = s
[peers]
stores = wss://ok
CONF
expect_config "an issuer without keys" chat-router 'chat.conf:1: \[issuer a\]: keys is required' <<CONF
[issuer a]
issuer = me
audience = you
CONF
expect_config "no certificate" chat-store 'store.tls_cert: is missing' <<CONF
[store]
data = d
[link]
secret_file = s
CONF
expect_config "a shard too many" chat-store 'chat.conf:4: store.shards' <<CONF
[store]
data = d
tls = no
shards = 0-4
[link]
secret_file = s
CONF
expect "a file that is not there" 2 'No such file' "$bin/chatd" --config nothing.conf
echo short >s
expect_config "a short link secret" chat-store 'chat.conf:5: link.secret_file: s: must be one word' <<CONF
[store]
data = d
tls = no
[link]
secret_file = s
CONF
echo '1 zz' >t
expect_config "ticket keys" chatd 't:1: must be lines' <<CONF
[store]
data = d
[tickets]
keys = t
CONF
expect_config "issuer keys" chatd 'chat.conf:6: \[issuer a\] keys: s: ' <<CONF
[store]
data = d
[issuer a]
issuer = me
audience = you
keys = s
format = secret
CONF
[ -e d ] && wrong "--check-config has made a data folder"

# --- the examples of the documentation ---

awk '/^```c$/ { shown = 1; next } /^```$/ { shown = 0 } shown' "$source/README.md" >readme.c
cmp -s readme.c "$source/examples/hello.c" || wrong "README.md shows another hello.c"

mkdir cluster
(cd cluster && cp "$source"/examples/cluster/*.conf . &&
    "$source/examples/cluster/keys.sh" "$bin/chatctl" >/dev/null) || wrong "keys.sh"
for config in router-a:chat-router router-b:chat-router store-1:chat-store store-2:chat-store \
    presence:chat-presence; do
    expect "example ${config%%:*}" 0 'the settings are right' \
        sh -c "cd cluster && $bin/${config#*:} --config ${config%%:*}.conf --check-config"
done

# --- the first start, and the next ---

small="--store.segment_bytes=1MiB --limits.drain_ms=200ms --limits.drain_grace_ms=100ms"
here="--router.listen=127.0.0.1:0 --router.admin_listen=127.0.0.1:0"
# Flags are words: they are meant to be split.
# shellcheck disable=SC2086
start chatd --data data $here $small || exit 1
[ "$(find data/keys -type f \( -name '*key*' -o -name '*.secret' \) ! -perm 600)" = "" ] ||
    wrong "a key is not of mode 0600: $(ls -l data/keys)"
[ "$(stat -c %a data)" = 700 ] || wrong "the data folder is open to others"
sums=$(cat data/keys/* | cksum)
# shellcheck disable=SC2086
expect "the folder is taken" 1 "process $pid works there" "$bin/chatd" --data data $here
expect "the port is taken" 1 'the port is taken' "$bin/chatd" --data other \
    --router.listen=127.0.0.1:"$port" --router.admin_listen=none
expect "stats" 0 'chat_process_info' "$bin/chatctl" stats "http://127.0.0.1:$admin"
expect "stats as they are" 0 '^# TYPE' "$bin/chatctl" stats --raw "http://127.0.0.1:$admin"
for metric in $(grep -o '`chat_[a-z_]*' "$source/docs/OPERATING.md" | tr -d '\`' | sort -u); do
    grep -q "^# TYPE $metric " out || wrong "OPERATING.md names $metric, which nobody counts"
done
expect "stats of nobody" 1 'refused' "$bin/chatctl" stats http://127.0.0.1:1
expect "a user that does not exist yet" 0 '^[0-9]*$' "$bin/chatctl" direct ann ben --data data \
    --url "wss://localhost:$port/"
printf 'first\nsecond\n' >typed
expect "talking" 0 'ann> second' sh -c "$bin/chat --quit-at-end --ca data/keys/ca.pem \
    --channel ben --token \$($bin/chatctl token ann --data data) wss://localhost:$port/ <typed"
printf '/find second\n/mute 2\n/find nonsense\n/who\n' >typed2
expect "a token from a command, and commands from a pipe" 0 'nothing found' sh -c "$bin/chat \
    --quit-at-end --ca data/keys/ca.pem --channel ben --log chat.log \
    --token-command '$bin/chatctl token ann --data data' wss://localhost:$port/ <typed2"
grep -q 'refused' out && wrong "a token that was not asked for yet is told as refused"
grep -q 'info client: live' chat.log || wrong "--log: $(head -n 3 chat.log)"
expect "a token command that fails" 1 'the token command failed' timeout 20 "$bin/chat" \
    --ca data/keys/ca.pem --token-command 'echo x; exit 3' "wss://localhost:$port/"
expect "a token command that prints none" 1 'printed no token' timeout 20 "$bin/chat" \
    --ca data/keys/ca.pem --token-command true "wss://localhost:$port/"
printf 'one\033[2Jtwo\n/nonsense\033[2J\n' >typed3
expect "what could control a terminal is not printed" 0 'ann> one?\[2Jtwo' sh -c "$bin/chat \
    --quit-at-end --ca data/keys/ca.pem --channel ben \
    --token \$($bin/chatctl token ann --data data) wss://localhost:$port/ <typed3"
grep -q "$(printf '\033')" out && wrong "an escape reaches the output: $(cat -v out)"
expect "the README's example" 0 '^hello$' sh -c "export CHAT_CA=data/keys/ca.pem \
    CHAT_URL=wss://localhost:$port/ CHAT_TOKEN=\$($bin/chatctl token ben --data data)
    timeout 20 stdbuf -oL $bin/../examples/hello | grep -m 1 hello"
expect "a wrong authority is not trusted" 1 '.' timeout 20 "$bin/chat" --quit-at-end \
    --token-command false --ca cluster/keys/ca.pem "wss://localhost:$port/"
stop KILL 137

# shellcheck disable=SC2086
start chatd --data data --ready-fd 7 $here $small 7>ready7 || exit 1
grep -q "^chatd ready pid=$pid listen=$port " ready7 || wrong "--ready-fd: $(cat ready7)"
[ "$sums" = "$(cat data/keys/* | cksum)" ] || wrong "keys were made again"
expect "what was said is still there" 0 'ann> first' sh -c "$bin/chat --quit-at-end \
    --ca data/keys/ca.pem --channel ann --token \$($bin/chatctl token ben --data data) \
    wss://localhost:$port/ </dev/null"
expect "drain" 0 "process $pid has drained" "$bin/chatctl" drain "http://127.0.0.1:$admin"
wait "$pid" || wrong "after the drain: exit code $?"
pid=

# --- SIGHUP, own keys, without TLS, nothing on disk ---

"$bin/chatctl" secret one.secret && cp one.secret current.secret
"$bin/chatctl" secret two.secret
expect "a secret is not written over" 1 'File exists' "$bin/chatctl" secret one.secret
cat >own.conf <<CONF
[log]
level = info
[issuer own]
issuer = test
audience = tests
keys = current.secret
format = secret
[store]
data = own
engine = memory
[router]
tls = no
CONF
# shellcheck disable=SC2086
start chatd --config own.conf $here $small || exit 1
reach() { "$bin/chatctl" direct cat dog --config own.conf --url "ws://localhost:$port/" --timeout 2; }
expect "own issuer" 0 '^[0-9]*$' reach
cp two.secret current.secret
expect "a key that is not known yet" 3 'no answer' reach
kill -HUP "$pid"
sleep 0.5
expect "after SIGHUP it is known" 0 '^[0-9]*$' reach
sed 's/info/loud/' own.conf >worse.conf && cp own.conf good.conf && cp worse.conf own.conf
kill -HUP "$pid"
sleep 0.5
checks=$((checks + 1))
grep -q 'not read again.*own.conf:2: log.level' log || wrong "a wrong file at SIGHUP: $(tail -n 3 log)"
cp good.conf own.conf
expect "and all stays as it was" 0 '^[0-9]*$' reach
stop TERM 0
[ -e own/store ] && wrong "engine = memory wrote to disk"

# A second signal does not wait for clients to be handed out.
# shellcheck disable=SC2086
start chatd --config own.conf $here --limits.drain_ms=60s || exit 1
"$bin/chat" --listen --token "$("$bin/chatctl" token eva --config own.conf)" \
    "ws://localhost:$port/" >/dev/null 2>&1 &
listener=$!
sleep 1
kill -TERM "$pid"
sleep 0.5
kill -0 "$pid" 2>/dev/null || wrong "it did not wait for its client"
stop TERM 3
kill $listener 2>/dev/null
wait $listener 2>/dev/null

# --- chatctl's exit codes ---

expect "token for nobody" 2 'usage' "$bin/chatctl" token --data data
expect "token without a key" 2 'say where' "$bin/chatctl" token ann
expect "a wrong time to live" 2 'not a number' "$bin/chatctl" token ann --data data --ttl soon
expect "a token" 0 '^eyJ.*\..*\..*' "$bin/chatctl" token ann --data data --ttl 5 --name Ann
expect "a url that is none" 2 'a url must begin with' "$bin/chatctl" direct ann ben --data data \
    --url http://localhost:1/
expect "a url that is none, in chat" 2 'begins with wss://' "$bin/chat" --token x http://localhost:1/
expect "nobody answers" 3 'no answer: .*refused, or closed at once' "$bin/chatctl" direct ann ben --data data \
    --timeout 1 --url wss://localhost:1/
expect "replay of nothing" 2 'No such file' "$bin/chatctl" replay --data data nothing.tsv
expect "replay of no log" 2 'no line' "$bin/chatctl" replay --data data typed
expect "replay of two" 2 'usage' "$bin/chatctl" replay --data data --synthetic 3 typed
expect "a ticket key" 0 '^[0-9]* [0-9a-f]\{64\}$' "$bin/chatctl" ticket-key
expect "a certificate" 0 'ca.pem signs' "$bin/chatctl" cert certs localhost 192.0.2.1
expect "a certificate for a wrong name" 2 '.' "$bin/chatctl" cert certs2 'a b'

echo "$checks checks, $failed failed"
[ $failed -eq 0 ]
