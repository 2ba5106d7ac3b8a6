#!/bin/sh
# Runs one of the examples against a chatd of its own, as the comment at its head says.
#
#   run.sh PROGRAMS EXAMPLES NAME
set -u

bin=$1 examples=$2 name=$3
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/var/tmp}/libchat-examples.XXXXXX")
server=
app=
port=0

end() {
    [ -n "$app" ] && kill -9 "$app" 2>/dev/null
    [ -n "$server" ] && kill -9 "$server" 2>/dev/null
    rm -rf "$work"
}
trap end EXIT
trap 'exit 1' HUP INT TERM
cd "$work" || exit 1

wrong() {
    echo "FAILED: $*"
    tail -n 20 ./*.out ./*.err 2>/dev/null
    exit 1
}

# On the port it had before, if it had one.
start_server() {
    : >ready
    "$bin/chatd" --data data --router.listen="127.0.0.1:$port" --router.admin_listen=none \
        --store.segment_bytes=1MiB --limits.operations_per_second=100000 \
        --limits.operations_burst=100000 >ready 2>>chatd.err </dev/null &
    server=$!
    wait_for ' ready ' ready
    port=$(sed -n 's/.* listen=\([0-9]*\).*/\1/p' ready)
    CHAT_URL=wss://localhost:$port/ CHAT_CA=$work/data/keys/ca.pem
    export CHAT_URL CHAT_CA
}

stop_server() {
    kill -9 "$server"
    wait "$server" 2>/dev/null
    server=
}

# wait_for PATTERN FILE [COUNT]: until so many lines match; ends the test after a minute.
wait_for() {
    tries=0
    until [ "$(grep -c -e "$1" "$2")" -ge "${3:-1}" ]; do
        tries=$((tries + 1))
        [ $tries -le 600 ] || wrong "no line with \"$1\" in $2"
        sleep 0.1
    done
}

# as USER COMMAND...: signed in as that user.
as() {
    CHAT_TOKEN=$("$bin/chatctl" token "$1" --data data) || wrong "no token for $1"
    export CHAT_TOKEN
    shift
    "$@"
}

# start USER: the example as that user, in the background; its lines go to app.out.
start() {
    : >app.out
    CHAT_TOKEN=$("$bin/chatctl" token "$1" --data data) || wrong "no token for $1"
    export CHAT_TOKEN
    stdbuf -oL "$examples/$name" >app.out 2>>app.err </dev/null &
    app=$!
}

# stop SIGNAL CODE: the example, and the exit code that must follow.
stop() {
    kill "-$1" "$app"
    finish "$2"
}

finish() {
    wait "$app" 2>/dev/null
    code=$?
    app=
    [ $code -eq "$1" ] || wrong "$name: exit code $code, not $1"
}

talk() { "$examples/say" "$@" >>say.out 2>>say.err || wrong "say $*"; }
acquaint() { "$bin/chatctl" direct "$1" "$2" --data data --url "$CHAT_URL" >/dev/null || wrong direct; }

say() {
    as bob "$examples/say" nobody hi 2>say.err && wrong "nobody was found"
    grep -q 'signed in yet' say.err || wrong "it does not say why"
    as alice talk bob "good day" # a new direct
    as bob talk alice "to you" 2
    [ "$(cat say.out)" = "1 me good day
1 peer good day
2 me to you
3 me to you" ] || wrong "another conversation"
}

hello() {
    acquaint alice bob
    start alice
    wait_for '^hello$' app.out
    stop TERM 143
    as bob talk alice "good day"
    grep -q '^1 peer hello$' say.out || wrong "bob has no hello"
}

# Killed in the midst of its answers, and talked to while it is dead: one answer each.
echo_bot() {
    acquaint alice robot
    as alice talk robot first
    start robot
    wait_for '^answered 1$' app.out
    as alice talk robot again 60
    wait_for '^answered ' app.out 2
    stop KILL 137
    as alice talk robot "while you were out" 2
    start robot
    wait_for '^answered ' app.out 2
    stop KILL 137
    start robot
    tries=0
    : >say.out
    until [ "$(grep -c '^[0-9]* peer ' say.out)" -ge 63 ]; do
        tries=$((tries + 1))
        [ $tries -le 100 ] || wrong "answers are missing"
        : >say.out
        as alice talk robot
        sleep 0.1
    done
    as alice talk robot "the end"
    wait_for '^answered ' app.out
    : >say.out
    as alice talk robot
    [ "$(grep -c ' peer first$' say.out)" -eq 1 ] || wrong "first: not one answer"
    [ "$(grep -c ' peer again$' say.out)" -eq 60 ] || wrong "again: not 60 answers"
    [ "$(grep -c ' peer while you were out$' say.out)" -eq 2 ] || wrong "not 2 answers"
}

# notes: reads from a pipe that stays open until fd 7 is closed.
start_notes() {
    rm -f pipe
    mkfifo pipe
    : >app.out
    CHAT_TOKEN=$("$bin/chatctl" token writer --data data) || wrong "no token"
    export CHAT_TOKEN
    "$examples/offline_notes" >app.out 2>>app.err <pipe &
    app=$!
    exec 7>pipe
}

offline_notes() {
    start_notes
    wait_for '^live' app.out
    echo "with a network" >&7
    wait_for '^note [0-9]* saved' app.out
    exec 7>&-
    finish 0

    stop_server
    start_notes
    wait_for '^backing-off' app.out
    printf 'in a tunnel\nstill there\n' >&7
    wait_for ' queued: ' app.out 2
    stop KILL 137
    exec 7>&-

    start_server
    start_notes
    wait_for ' queued: in a tunnel$' app.out
    wait_for ' queued: still there$' app.out
    printf 'out of it' >&7
    exec 7>&-
    finish 0
    [ "$(grep -c '^note [0-9]* saved' app.out)" -eq 3 ] || wrong "not three notes were saved"

    start_notes # nothing is left
    exec 7>&-
    finish 0
    grep -q '^note' app.out && wrong "a note is sent again"
    return 0
}

game_loop() {
    acquaint alice gamer
    start gamer
    wait_for '^in the game' app.out
    as alice talk gamer "flood" 2000
    as alice talk gamer gg
    finish 0
    grep '^[0-9]* frames, 2001 lines' app.out || wrong "lines are missing"
}

libuv_loop() {
    acquaint alice carl
    start carl
    wait_for '^live' app.out
    as alice talk carl "good day"
    wait_for '^alice: good day$' app.out
    wait_for '^1 unread$' app.out
    stop TERM 0
}

many_accounts() {
    python3 "$here/tokens.py" data/keys/issuer.secret 1000 >tokens || wrong "no tokens"
    "$examples/many_accounts" <tokens >app.out 2>app.err || wrong "not all are live"
    cat app.out
}

for variable in $(env | sed -n 's/^\(LIBCHAT_[A-Z0-9_]*\)=.*/\1/p'); do
    unset "$variable"
done
start_server
"$name"
echo "$name: ran"
