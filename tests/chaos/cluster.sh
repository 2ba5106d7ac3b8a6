# A cluster of real processes on this machine, for tests that source this file:
# two routers, one presence, two stores, as in examples/cluster, TLS on every link.
#
# Needs: $source, $programs (folder of the daemons), $chatctl. Sets: $work, $url_a, $url_b.
# Everything started is in $work/*.pid and is ended by cluster_end, which a trap calls.

daemons="store-1 store-2 presence router-a router-b"

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

say() { echo "[$(($(date +%s) - began))s] $*"; }

program_of() {
    case $1 in
    router-*) echo "$programs/chat-router" ;;
    store-*) echo "$programs/chat-store" ;;
    presence) echo "$programs/chat-presence" ;;
    esac
}

# Other tests may run beside this one, so the ports of the example are replaced.
choose_ports() {
    port_base=$((20000 + ($$ + $1 * 4999) % 1200 * 10))
    url_a=wss://localhost:$((port_base + 0))/
    url_b=wss://localhost:$((port_base + 1))/
    store_1=wss://localhost:$((port_base + 2))
    store_2=wss://localhost:$((port_base + 3))
    presence=wss://localhost:$((port_base + 4))
}

flags_of() {
    raised="--limits.operations_per_second=100000 --limits.operations_burst=100000
        --limits.reads_per_second=100000 --limits.reads_burst=100000
        --limits.preauth_per_address=2000 --limits.drain_ms=500ms --limits.drain_grace_ms=200ms"
    small="--store.segment_bytes=4MiB --store.log_bytes_max=256MiB --store.cache_bytes=8MiB"
    peers="--peers.stores=$store_1,$store_2 --peers.presence=$presence"
    case $1 in
    router-a) echo "--router.listen=127.0.0.1:$((port_base + 0)) --router.admin_listen=none $peers $raised" ;;
    router-b) echo "--router.listen=127.0.0.1:$((port_base + 1)) --router.admin_listen=none $peers $raised" ;;
    store-1) echo "--store.listen=127.0.0.1:$((port_base + 2)) --store.admin_listen=none $small --peers.stores=$store_2" ;;
    store-2) echo "--store.listen=127.0.0.1:$((port_base + 3)) --store.admin_listen=none $small --peers.stores=$store_1" ;;
    presence) echo "--presence.listen=127.0.0.1:$((port_base + 4)) --presence.admin_listen=none" ;;
    esac
}

# Starts one; returns when it says that it is ready.
daemon_start() {
    name=$1
    : >"$work/$name.out"
    (
        cd "$work" || exit 1
        # Flags are words: they are meant to be split.
        # shellcheck disable=SC2046
        exec "$(program_of "$name")" --config "$name.conf" $(flags_of "$name") \
            >"$name.out" 2>>"$name.log" </dev/null
    ) &
    echo $! >"$work/$name.pid"
    tries=0
    until grep -q ' ready ' "$work/$name.out"; do
        tries=$((tries + 1))
        if [ $tries -gt 600 ] || ! kill -0 "$(cat "$work/$name.pid")" 2>/dev/null; then
            tail -n 20 "$work/$name.log" >&2
            return 1
        fi
        sleep 0.1
    done
}

# kill -9; the process is gone when this returns.
daemon_kill() {
    pid=$(cat "$work/$1.pid")
    kill -9 "$pid" 2>/dev/null || fail "$1 was not running"
    wait "$pid" 2>/dev/null
    rm -f "$work/$1.pid"
}

cluster_end() {
    for file in "$work"/*.pid; do
        [ -e "$file" ] || continue
        kill -9 "$(cat "$file")" 2>/dev/null
    done
    wait
    rm -rf "$work"
}

cluster_begin() {
    began=$(date +%s)
    work=$(mktemp -d "${TMPDIR:-/var/tmp}/libchat-chaos.XXXXXX")
    trap cluster_end EXIT
    trap 'exit 1' HUP INT TERM
    cp "$source"/examples/cluster/*.conf "$work"
    (cd "$work" && "$source/examples/cluster/keys.sh" "$chatctl") >/dev/null ||
        fail "keys cannot be made"
    attempt=0
    choose_ports $attempt
    for name in $daemons; do
        until daemon_start "$name"; do
            attempt=$((attempt + 1))
            [ $attempt -lt 5 ] || fail "$name does not start"
            [ "$name" = store-1 ] || fail "$name does not start"
            choose_ports $attempt # another's port: only before anything else runs
        done
    done
    say "cluster up at $url_a and $url_b"
}

# Starts chatctl replay --verify over both routers; returns when it sends. Sets $replay.
replay_begin() {
    : >"$work/replay.err"
    (
        cd "$work" || exit 1
        exec "$chatctl" replay --verify --url "$url_a" --url "$url_b" --ca keys/ca.pem \
            --config router-a.conf "$@" >replay.out 2>replay.err </dev/null
    ) &
    replay=$!
    echo $replay >"$work/replay.pid"
    until grep -q '^replay: sending' "$work/replay.err"; do
        replay_runs || replay_end
        sleep 0.1
    done
}

replay_runs() { kill -0 "$replay" 2>/dev/null; }

# Waits for its end, which must be a good one.
replay_end() {
    wait "$replay"
    code=$?
    rm -f "$work/replay.pid"
    cat "$work/replay.out"
    [ $code -ne 0 ] || return 0
    tail -n 30 "$work/replay.err" >&2
    for name in $daemons; do
        echo "--- $name" >&2
        tail -n 20 "$work/$name.log" >&2
    done
    fail "chatctl replay --verify ended with $code"
}

# All must still run, and end well when asked: nothing crashed by itself.
cluster_stop() {
    for name in router-a router-b presence store-1 store-2; do
        pid=$(cat "$work/$name.pid")
        kill -TERM "$pid" 2>/dev/null || fail "$name is gone: $(tail -n 5 "$work/$name.log")"
        wait "$pid"
        code=$?
        rm -f "$work/$name.pid"
        [ $code -eq 0 ] || fail "$name ended with $code: $(tail -n 5 "$work/$name.log")"
    done
    say "cluster stopped cleanly"
}

# Sets $random to a whole number below $1. Repeats with the same $seed.
choose_below() {
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    random=$((seed / 65536 % $1))
}
