#!/usr/bin/env bash
# pipeline.sh - what the whole way costs: publisher, Mosquitto, subscriber, against Mosquitto's own
# command-line pair in the same run on the same broker.
#
#     bench/pipeline.sh [-n ITEMS] [-r ROUNDS]
#
# Each round runs three pairs, in alternating order, over the same file of ninjs items of about 512
# bytes at QoS 1, each pair from the publisher's start to the subscriber's last item:
#     ours   newspub send --no-journal FILE   ->  newssub -o ndjson -n ITEMS
#     kept   newspub send --journal J FILE    ->  newssub -o ndjson -n ITEMS --store S
#     peer   mosquitto_pub -l -q 1 < FILE     ->  mosquitto_sub -q 1 -C ITEMS
# (the peer's file in parts, see peer_pub). `kept` has every item on two disks, synchronous FULL,
# before it is acknowledged; the others promise nothing. Then, on the journal of `kept`:
#     sync   newspub run answers newssub --store --last ITEMS, which has none of them
# from the subscriber's start to its last item. Printed: items/s, CPU microseconds an item of each
# process and of the broker, lost items; then the ratios of the medians to the peer's. A last part
# compares `newspub convert` with `xmllint --noout` on the same XML. Only ratios of one run mean
# anything.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8

items=100000 rounds=5
while getopts n:r:h option; do
    case $option in
    n) items=$OPTARG ;;
    r) rounds=$OPTARG ;;
    *)
        sed -n '2,/^set /s/^# \{0,1\}//p' "$0" | sed '/^set /d'
        exit 64
        ;;
    esac
done

build=build/release
cmake --preset release >/dev/null
cmake --build --preset release >/dev/null
# shellcheck source=scripts/broker.sh
. scripts/broker.sh
work=$(mktemp -d)
trap 'broker_stop; rm -rf "$work"' EXIT
broker_start broker-conf/dev.conf

# --- the items -----------------------------------------------------------------------------------

awk -v n="$items" 'BEGIN {
    for (i = 1; i <= n; i++)
        printf "{\"uri\":\"urn:example:bench:%d\",\"standard\":{\"name\":\"ninjs\",\"version\":\"3.1\"},\"type\":\"text\",\"version\":\"1\",\"versionCreated\":\"2026-11-23T14:00:00Z\",\"firstCreated\":\"2026-11-23T14:00:00Z\",\"pubStatus\":\"usable\",\"urgency\":%d,\"language\":\"en\",\"headlines\":[{\"role\":\"main\",\"value\":\"Harbour master counts ship number %d of the season\"}],\"bodies\":[{\"value\":\"The pilots say they have never seen so many masts at once, and the gulls agree with them.\"}],\"infoSources\":[{\"name\":\"Harbour Wire\"}]}\n", i, i % 9 + 1, i
}' >"$work/items"
split -l 50000 "$work/items" "$work/part."
printf '%s items, %s bytes each on average\n' "$items" $(($(wc -c <"$work/items") / items))

# --- one pair ------------------------------------------------------------------------------------

# CPU seconds of a process that is still there: user + system, in clock ticks.
cpu_ticks() {
    awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"
}

now_us() {
    local now=${EPOCHREALTIME/[.,]/}
    printf '%s' "$now"
}

# timed NAME COMMAND...: runs it; "user system" seconds go to $work/NAME.cpu
timed() {
    local name=$1
    shift
    local TIMEFORMAT='%3U %3S'
    { time "$@" 2>"$work/$name.err"; } 2>"$work/$name.cpu"
}

wait_for_line() { # FILE PATTERN
    local deadline=$((SECONDS + 10))
    until grep -q "$2" "$1" 2>/dev/null; do
        ((SECONDS < deadline)) || { echo "no \"$2\" in $1" >&2; return 1; }
        sleep 0.01
    done
}

ours() {
    rm -f "$work/sub.err"
    timed sub "$build/subscriber/newssub" -v -b "$BROKER_URL" -o ndjson -n "$items" \
        --for 120s >"$work/out" &
    local sub=$!
    wait_for_line "$work/sub.err" 'subscribed to news/'
    start=$(now_us)
    timed pub "$build/publisher/newspub" -b "$BROKER_URL" send --no-journal --publisher bench \
        "$work/items"
    wait "$sub"
    took=$(($(now_us) - start))
    got=$(wc -l <"$work/out")
    distinct=$(grep -o '"uri":"urn:example:bench:[0-9]*"' "$work/out" | sort -u | wc -l)
}

# Nothing is published twice by one journal, so each round has its own.
kept() {
    rm -rf "$work/sub.err" "$work/kept"
    mkdir "$work/kept"
    timed sub "$build/subscriber/newssub" -v -b "$BROKER_URL" -o ndjson -n "$items" \
        --store "$work/kept/store" --for 120s >"$work/out" &
    local sub=$!
    wait_for_line "$work/sub.err" 'subscribed to news/'
    start=$(now_us)
    timed pub "$build/publisher/newspub" -b "$BROKER_URL" send --journal "$work/kept/journal" \
        --keep-items 0 --publisher bench "$work/items"
    wait "$sub"
    took=$(($(now_us) - start))
    got=$(wc -l <"$work/out")
    distinct=$(grep -o '"uri":"urn:example:bench:[0-9]*"' "$work/out" | sort -u | wc -l)
}

# The journal is that of `kept`; the subscriber is new and wants all of it.
sync() {
    local newspub
    printf '[none]\nfifo = %s/fifo\n' "$work" >"$work/run.conf"
    rm -rf "$work/away" "$work/sub.err"
    "$build/publisher/newspub" -v -b "$BROKER_URL" run -c "$work/run.conf" --publisher bench \
        --keep-items 0 --journal "$work/kept/journal" 2>"$work/run.err" &
    newspub=$!
    wait_for_line "$work/run.err" ': connected'
    start=$(now_us)
    timed sub "$build/subscriber/newssub" -v -b "$BROKER_URL" -o ndjson -n "$items" \
        --last "$items" --store "$work/away" --for 120s >"$work/out"
    took=$(($(now_us) - start))
    cpu_ticks "$newspub" | awk -v hz="$(getconf CLK_TCK)" '{ print $1 / hz, 0 }' >"$work/pub.cpu"
    kill "$newspub"
    wait "$newspub" || :
    got=$(wc -l <"$work/out")
    distinct=$(grep -o '"uri":"urn:example:bench:[0-9]*"' "$work/out" | sort -u | wc -l)
}

# mosquitto_pub -l of 2.0.11 ends when the packet identifier of the last line is acknowledged. With
# more than 65535 lines that identifier was in use before, and it ends early: 100000 lines at QoS 1
# came down to 34465, status 0. So the peer gets the file in parts below that.
peer_pub() {
    local part
    for part in "$work"/part.*; do
        mosquitto_pub -p "$BROKER_PORT" -t bench/peer -l -q 1 <"$part"
    done
}

# A retained message shows when mosquitto_sub has subscribed; it is one line more.
peer() {
    rm -f "$work/out"
    mosquitto_pub -p "$BROKER_PORT" -t bench/peer -r -m ready -q 1
    timed sub mosquitto_sub -p "$BROKER_PORT" -t bench/peer -q 1 -C $((items + 1)) -W 120 \
        >"$work/out" &
    local sub=$!
    wait_for_line "$work/out" ready
    start=$(now_us)
    timed pub peer_pub
    wait "$sub"
    took=$(($(now_us) - start))
    got=$(($(wc -l <"$work/out") - 1))
    distinct=$(grep -o '"uri":"urn:example:bench:[0-9]*"' "$work/out" | sort -u | wc -l)
    mosquitto_pub -p "$BROKER_PORT" -t bench/peer -r -n -q 1
}

row() { # PAIR
    local broker_before
    broker_before=$(cpu_ticks "$BROKER_PID")
    "$1"
    local ticks=$(($(cpu_ticks "$BROKER_PID") - broker_before))
    awk -v pair="$1" -v n="$items" -v us="$took" -v got="$got" -v distinct="$distinct" \
        -v ticks="$ticks" -v hz="$(getconf CLK_TCK)" \
        -v pub="$(cat "$work/pub.cpu")" -v sub_="$(cat "$work/sub.cpu")" 'BEGIN {
        split(pub, p, " "); split(sub_, s, " ")
        printf "%-5s %9.0f %10.1f %10.1f %10.1f %6d %6d\n", pair, n / us * 1e6,
            (p[1] + p[2]) / n * 1e6, ticks / hz / n * 1e6, (s[1] + s[2]) / n * 1e6,
            n - distinct, got - distinct
    }' | tee -a "$work/rows"
}

median() { # PAIR
    awk -v pair="$1" '$1 == pair { print $2 }' "$work/rows" | sort -n |
        awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int((NR + 2) / 2)]) / 2 }'
}

printf '%-5s %9s %10s %10s %10s %6s %6s\n' pair items/s 'pub us' 'broker us' 'sub us' lost twice
for ((round = 1; round <= rounds; round++)); do
    if ((round % 2)); then row ours; row peer; row kept; else row kept; row peer; row ours; fi
    row sync
done
for pair in ours kept sync; do
    awk -v pair="$pair" -v a="$(median "$pair")" -v b="$(median peer)" \
        'BEGIN { printf "median: %s %.0f/s, peer %.0f/s: %.2f x\n", pair, a, b, a / b }'
done

# --- convert against xmllint ---------------------------------------------------------------------

if ! command -v xmllint >/dev/null; then
    echo 'convert: SKIP, there is no xmllint'
    exit 0
fi
# One large feed: the sample's items over and over, each with an id of its own.
awk -v n=2000 '
    { text = text $0 "\n" }
    END {
        first = index(text, "<item>"); last = 0
        for (at = first; (hit = index(substr(text, at), "</item>")); at += hit + 6) last = at + hit + 6
        printf "%s", substr(text, 1, first - 1)
        block = substr(text, first, last - first)
        for (i = 1; i <= n; i++) {
            one = block
            gsub(/<guid[^>]*>/, "&" i "-", one)
            print one
        }
        printf "%s", substr(text, last)
    }' samples/harbour-wire-en.xml >"$work/large.xml"
seconds() { # COMMAND...: user + system, best of five
    local TIMEFORMAT='%3U %3S' i
    for i in 1 2 3 4 5; do { time "$@" >/dev/null 2>&1; } 2>&1; done |
        awk '{ t = $1 + $2; if (NR == 1 || t < best) best = t } END { print best }'
}
ours=$(seconds "$build/publisher/newspub" convert "$work/large.xml")
lint=$(seconds xmllint --noout "$work/large.xml")
awk -v a="$ours" -v b="$lint" -v bytes="$(wc -c <"$work/large.xml")" 'BEGIN {
    printf "convert, %.1f MB of RSS: newspub %.2f s, xmllint --noout %.2f s CPU: %.2f x\n",
        bytes / 1e6, a, b, a / b }'
