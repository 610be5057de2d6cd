#!/usr/bin/env bash
# screen.sh - how quick the full screen and the search are, with much in the store and much coming.
#
#     bench/screen.sh [-n ITEMS] [-r ROUNDS] [-f ITEMS_A_SECOND]
#
# Fills a store with ITEMS (100000) items of about 1 KiB by way of a private Mosquitto, then, in a
# terminal of 160x50 that tests/support/vt.h emulates:
#     first    from exec to the newest headline on the screen; resident memory; ROUNDS times
#     index    how long the screen then works on the search index, with nothing else to do
#     idle     CPU over ten seconds without news
#     keys     with ITEMS_A_SECOND (5000) coming: from a key to the frame that shows its effect, and
#              CPU of newssub over that time
# and without one:
#     search   "newssub search WORD --last 50" from exec to exit: a rare word, a common one, two
#              words and a language, and a regular expression, which no index helps with; beside
#              them "grep -c" of the rare word in the same items as NDJSON, and `newssub --version`
#              (what starting costs)
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8

items=100000 rounds=5 rate=5000
while getopts n:r:f:h option; do
    case $option in
    n) items=$OPTARG ;;
    r) rounds=$OPTARG ;;
    f) rate=$OPTARG ;;
    *)
        sed -n '2,/^set /s/^# \{0,1\}//p' "$0" | sed '/^set /d'
        exit 64
        ;;
    esac
done

build=build/bench # the release preset, and the probe of the tests
cmake --preset release -B "$build" -DNEWS_TESTS=ON >/dev/null
cmake --build "$build" --target newssub newspub screen_probe >/dev/null
newssub=$build/subscriber/newssub newspub=$build/publisher/newspub
probe=$build/tests/probe/screen_probe
# shellcheck source=scripts/broker.sh
. scripts/broker.sh
work=$(mktemp -d)
filler='' flood=''
trap 'kill $filler $flood 2>/dev/null; broker_stop; rm -rf "$work"' EXIT
export XDG_STATE_HOME=$work/state XDG_CONFIG_HOME=$work/config
broker_start broker-conf/dev.conf

# Headlines and texts of words drawn from 4000, by a generator of its own, so that each run has the
# same; one item in a thousand has "zephyr" in its text, each tenth is French.
make_items() { # FIRST LAST
    awk -v first="$1" -v last="$2" '
    function random(n) { seed = (seed * 16807) % 2147483647; return seed % n }
    function word(   n, w) {
        n = random(random(4000) + 1) + 17
        for (w = ""; n > 0; n = int(n / 17)) w = w substr("baceidofugahelimonurtysa", n % 17 + 1, 2)
        return w
    }
    function words(n,   t) { for (t = word(); --n > 0;) t = t " " word(); return t }
    BEGIN {
        seed = 20261123
        for (i = first; i <= last; i++)
            printf "{\"uri\":\"urn:example:screen:%d\",\"standard\":{\"name\":\"ninjs\",\"version\":\"3.1\"},\"type\":\"text\",\"version\":\"1\",\"versionCreated\":\"2026-11-23T14:00:00Z\",\"firstCreated\":\"2026-11-23T14:00:00Z\",\"pubStatus\":\"usable\",\"urgency\":%d,\"language\":\"%s\",\"headlines\":[{\"role\":\"main\",\"value\":\"Number %d %s\"}],\"bodies\":[{\"value\":\"%s%s\"}],\"infoSources\":[{\"name\":\"Harbour Wire\"}]}\n", i, i % 9 + 1, i % 10 ? "en" : "fr", i, words(8), words(90), i % 1000 ? "" : " zephyr"
    }'
}
make_items 1 "$items" >"$work/items"
printf '%s items, %s bytes each on average\n' "$items" $(($(wc -c <"$work/items") / items))

wait_for_line() { # FILE PATTERN
    local deadline=$((SECONDS + 20))
    until grep -q "$2" "$1" 2>/dev/null; do
        ((SECONDS < deadline)) || { echo "no \"$2\" in $1" >&2; return 1; }
        sleep 0.01
    done
}

"$newssub" -v -b "$BROKER_URL" -o ndjson --store "$work/store" -n "$items" --keep-items 0 \
    >/dev/null 2>"$work/err" &
filler=$!
wait_for_line "$work/err" 'subscribed to news/'
"$newspub" -b "$BROKER_URL" send --no-journal --publisher bench "$work/items"
wait "$filler"
filler=''
printf 'store: %s MiB\n' $(($(stat -c %s "$work/store") >> 20))

argv=("$newssub" -b "$BROKER_URL" --store "$work/store" --keep-items 0)

for ((round = 0; round < rounds; round++)); do
    "$probe" first "Number $items " "${argv[@]}"
done

"$probe" quiet "Number $items " "${argv[@]}"
"$probe" first "Number $items " "${argv[@]}"

# took NAME COMMAND...: the median of eleven runs.
took() {
    local name=$1 i start
    shift
    for ((i = 0; i < 11; i++)); do
        start=${EPOCHREALTIME/[.,]/}
        "$@" >"$work/out" || [[ $? == 1 ]]
        echo $((${EPOCHREALTIME/[.,]/} - start))
    done | sort -n | awk -v name="$name" 'NR == 6 { printf "%-34s %8.1f ms", name, $1 / 1000 }'
    printf ' %8s lines\n' "$(wc -l <"$work/out")"
}
search() { "$newssub" --store "$work/store" -o '%{headline}' search "$@"; }
took 'search zephyr' search zephyr
took 'search --last 50 COMMON' search --last 50 bace
took 'search --last 50 A B and language' search --last 50 'bace and ceid and language = "fr"'
took 'search a regular expression' search 'headline =~ "^number 99[0-9]+ "'
took 'grep -c zephyr in the NDJSON' grep -c zephyr "$work/items"
took 'newssub --version' "$newssub" --version

make_items $((items + 1)) $((items + rate * 20)) >"$work/flood"
"$newspub" -b "$BROKER_URL" send --no-journal --publisher bench --rate "$rate" "$work/flood" &
flood=$!
printf 'flood of %s items/s: ' "$rate"
"$probe" keys 100 'Harbour Wire' "${argv[@]}"
kill "$flood" 2>/dev/null && wait "$flood" 2>/dev/null || :
flood=''
