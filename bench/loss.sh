#!/usr/bin/env bash
# loss.sh - what loss costs over TCP and over UDP: how late items are that go over a network which loses
# some of them.
#
#     bench/loss.sh [-l PERCENT] [-d MS] [-n ITEMS] [-r RATE] [-s SEED]
#
# newsnet puts PERCENT (10) loss and MS (10, so 20 there and back) each way between newsrelay and a
# subscriber; the publisher is on the relay's side, at RATE (5) items of 512 bytes a second. First over
# nrp (TCP), then over nrp+udp, with the same seed. Needs root and /dev/net/tun.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8

loss=10 delay=10 items=600 rate=5 seed=1
while getopts l:d:n:r:s:h option; do
    case $option in
    l) loss=$OPTARG ;;
    d) delay=$OPTARG ;;
    n) items=$OPTARG ;;
    r) rate=$OPTARG ;;
    s) seed=$OPTARG ;;
    *)
        sed -n '2,/^set /s/^# \{0,1\}//p' "$0" | sed '/^set /d'
        exit 64
        ;;
    esac
done
if ((EUID != 0)) || [[ ! -c /dev/net/tun ]]; then
    echo 'loss.sh: skipped: needs root and /dev/net/tun' >&2
    exit 0
fi

build=build/release
cmake --preset release >/dev/null
cmake --build --preset release >/dev/null
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for carrier in nrp nrp+udp; do
    rm -f "$work/relay.sock"
    # shellcheck disable=SC2016 # for the inner shell
    "$build/bench/newsnet/newsnet" -d "$delay" -l "$loss" -s "$seed" -- \
        "$build/relay/newsrelay" --listen nrp://10.77.0.1 --listen nrp+udp://10.77.0.1 \
        --listen "nrp+unix://$work/relay.sock" --insecure --status-every 0 -- \
        sh -c 'until grep -q "listening on nrp+unix" "$0/err"; do sleep 0.1; done; exec "$1" -n "$2" -r "$3" "nrp+unix://$0/relay.sock" "$4"' \
        "$work" "$build/bench/late/late" "$items" "$rate" "$carrier://10.77.0.1" 2>"$work/err" ||
        cat "$work/err" >&2
    grep '^newsnet' "$work/err" | sed 's/^/    /'
done
