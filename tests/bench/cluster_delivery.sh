#!/bin/sh
# bench_delivery through a cluster of daemons on this machine: two routers, one presence,
# two stores, TLS on every link; the sender is at one router, the receiver at the other.
#
#   cluster_delivery.sh SOURCE_ROOT BUILD_ROOT [options of bench_delivery]
set -eu

source=$1 build=$2
shift 2
programs=$build/daemons
chatctl=$programs/chatctl

. "$source/tests/chaos/cluster.sh"

cluster_begin >&2
token() { (cd "$work" && "$chatctl" token "$1" --config router-a.conf); }
"$build/tests/bench/bench_delivery" --folder "$work" --url "$url_a" --url "$url_b" \
    --ca "$work/keys/ca.pem" --token "$(token sender)" --token "$(token receiver)" "$@"
