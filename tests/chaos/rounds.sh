#!/bin/sh
# Replays a long conversation at full speed and kills every daemon of the cluster with -9 at
# random moments meanwhile; afterwards the live view, a late device's catch-up and the
# history by pages must be the same sequence, nothing lost, nothing twice.
#
#   rounds.sh SOURCE_ROOT PROGRAMS CHATCTL [--rounds N] [--passes N] [--seed N] [--lines N] [FILE]
#
# A round is one replay; in a pass every daemon is killed once, in random order.
#
# FILE has lines of "channel TAB time TAB nick TAB text"; without one, and without the
# corpus beside the repository, as many lines of as many people are made up.
set -u

source=$1 programs=$2 chatctl=$(realpath "$3")
shift 3
. "$source/tests/chaos/cluster.sh"

rounds=3 passes=2 seed=$(($(date +%s) % 100000)) lines=35569 people=257
file=$source/../shared/corpus/qtox-irc.tsv
while [ $# -gt 0 ]; do
    case $1 in
    --rounds) rounds=$2; shift ;;
    --passes) passes=$2; shift ;;
    --seed) seed=$2; shift ;;
    --lines) lines=$2; shift ;;
    -*) fail "unknown option $1" ;;
    *) file=$1 ;;
    esac
    shift
done

# From $1 tenths of a second on, up to $2 more.
pause() {
    choose_below "$2"
    sleep $((($1 + random) / 10)).$((($1 + random) % 10))
}

# Each daemon once, in random order.
kill_all_once() {
    todo=$daemons
    while [ -n "$todo" ]; do
        # shellcheck disable=SC2086
        set -- $todo
        choose_below $#
        shift "$random"
        name=$1
        todo=$(echo "$todo" | tr ' ' '\n' | grep -vx "$name" | tr '\n' ' ' | sed 's/ *$//')
        pause 2 25
        replay_runs || return 1
        say "kill -9 $name"
        daemon_kill "$name"
        kills=$((kills + 1))
        pause 0 15
        daemon_start "$name" || fail "$name does not start again"
    done
}

if [ -r "$file" ]; then
    set -- --lines "$lines" "$(realpath "$file")"
else
    set -- --synthetic "$lines" --people "$people"
fi
cluster_begin
say "seed $seed: $*"
round=0
while [ $round -lt "$rounds" ]; do
    round=$((round + 1))
    kills=0
    replay_begin --come-and-go --timeout 90 "$@"
    pass=0
    while [ $pass -lt "$passes" ] && kill_all_once; do
        pass=$((pass + 1))
    done
    [ $kills -gt 0 ] || fail "the replay was over before anything was killed"
    replay_end
    say "round $round of $rounds: $kills kills, all is there"
done
cluster_stop
