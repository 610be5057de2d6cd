#!/usr/bin/env bash
# idle.sh - what subscribers that have nothing to do cost newsrelay in memory.
#
#     bench/idle.sh [-n SUBSCRIBERS]
#
# SUBSCRIBERS (10 000) connect and subscribe, over nrp and then over nrp+udp, each time to a relay that
# was just started; printed: its resident memory before and after. The limit of open files has to allow
# it (ulimit -Hn).
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8

count=10000
while getopts n:h option; do
    case $option in
    n) count=$OPTARG ;;
    *)
        sed -n '2,/^set /s/^# \{0,1\}//p' "$0" | sed '/^set /d'
        exit 64
        ;;
    esac
done
ulimit -n "$(ulimit -Hn)"
build=build/release
cmake --preset release >/dev/null
cmake --build --preset release --target newsrelay idle >/dev/null
work=$(mktemp -d)
relay=''
trap '[[ -z $relay ]] || kill -KILL "$relay"; rm -rf "$work"' EXIT
for carrier in nrp nrp+udp; do
    "$build/relay/newsrelay" --listen "$carrier://127.0.0.1:0" --status-every 0 --sessions 100000 \
        --per-address 100000 --handshakes 1000000 --handshakes-all 1000000 2>"$work/err" &
    relay=$!
    until url=$(grep -om1 "$carrier://[^ ]*" "$work/err"); do sleep 0.1; done
    "$build/bench/idle/idle" "$count" "$relay" "$url"
    kill -KILL "$relay"
    wait "$relay" 2>/dev/null || true
    relay=''
done
