#!/bin/sh
# Kills every daemon of a cluster once, with -9, in the middle of a conversation between
# clients of both routers, and starts it again: the talk goes on, and nothing is lost,
# doubled or out of order.
#
#   each.sh SOURCE_ROOT PROGRAMS CHATCTL
set -u

source=$1 programs=$2 chatctl=$(realpath "$3")
. "$source/tests/chaos/cluster.sh"

cluster_begin
replay_begin --synthetic 2400 --people 12 --speed 80 --timeout 60
for name in $daemons; do
    sleep 1
    replay_runs || fail "the replay was over before $name was killed"
    say "kill -9 $name"
    daemon_kill "$name"
    sleep 1
    daemon_start "$name" || fail "$name does not start again"
    say "$name is back"
done
replay_end
cluster_stop
