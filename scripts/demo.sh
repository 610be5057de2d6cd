#!/usr/bin/env bash
# demo.sh - Newswire on this machine, from nothing: installs what is missing, builds, starts a
# private broker, publishes the sample feeds of a small coast, and shows them as they arrive.
#
#     scripts/demo.sh           live, in this terminal: ? shows the keys, q ends everything
#     scripts/demo.sh --once    prints the feed as lines and exits (so it does without a terminal)
#
# Standard output carries the news alone. Exit status: 0 only if every item was acknowledged and
# shown. Nothing outside build/ and a temporary folder is written, except by the installation of
# packages; your own settings and brokers are neither used nor touched.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/broker.sh

readonly newspub=build/release/publisher/newspub newssub=build/release/subscriber/newssub
readonly live_rate=2        # items per second: time to glance at a headline
readonly subscribe_limit=20 # seconds until newssub must have subscribed
readonly show_limit=60      # seconds until the last item must have been shown
temp=''
subscriber='' publisher=''

say() { printf 'demo.sh: %s\n' "$*" >&2; }

usage() { sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

# The last words of a program that failed, indented.
quote() { tail -n 30 "$1" | sed 's/^/    /' >&2; }

cleanup() {
    local pid
    for pid in $publisher $subscriber; do
        kill "$pid" 2>/dev/null || continue
        wait "$pid" 2>/dev/null || :
    done
    broker_stop
    [[ -z $temp ]] || rm -rf "$temp"
}

build() {
    scripts/deps.sh build run
    if [[ -t 2 ]]; then
        # Ninja rewrites one line on a terminal and shows what failed.
        cmake --preset release >"$temp/configure.log" 2>&1 || { quote "$temp/configure.log" && return 1; }
        NINJA_STATUS='building %f/%t  ' cmake --build --preset release >&2
    else
        { cmake --preset release && cmake --build --preset release; } >"$temp/build.log" 2>&1 ||
            { quote "$temp/build.log" && return 1; }
    fi
}

# wait_for_line FILE PATTERN PID SECONDS: fails when PID ends first, or when it takes too long.
wait_for_line() {
    local deadline=$((SECONDS + $4))
    until grep -q "$2" "$1" 2>/dev/null; do
        kill -0 "$3" 2>/dev/null && ((SECONDS < deadline)) || return 1
        sleep 0.02
    done
}

show_once() {
    local count status=0 shown=0
    count=$("$newspub" convert "${samples[@]}" 2>"$temp/convert.err" | wc -l) || {
        status=$?
        say "newspub convert failed (status $status):"
        quote "$temp/convert.err"
        return "$status"
    }

    # timeout, not --for: then status 0 can only mean that all came.
    timeout --foreground "$show_limit" "$newssub" -b "$BROKER_URL" -o text -n "$count" --verbose \
        </dev/null 2>"$temp/newssub.err" &
    subscriber=$!
    if ! wait_for_line "$temp/newssub.err" ': subscribed to ' "$subscriber" "$subscribe_limit"; then
        kill "$subscriber" 2>/dev/null || :
        wait "$subscriber" || status=$?
        subscriber=''
        say "newssub did not subscribe (status $status):"
        quote "$temp/newssub.err"
        return $((status ? status : 1))
    fi

    "$newspub" -b "$BROKER_URL" send --no-journal --publisher harbour --verbose "${samples[@]}" \
        </dev/null >&2 2>"$temp/newspub.err" || {
        status=$?
        say "newspub failed (status $status):"
        quote "$temp/newspub.err"
        return "$status"
    }
    wait "$subscriber" || shown=$?
    subscriber=''
    case $shown in
    0) say "$count items of ${#samples[@]} files, all acknowledged and shown" ;;
    124) say "not all of $count items were shown within $show_limit s" && shown=1 ;;
    *) say "newssub failed (status $shown):" ;;
    esac
    ((shown == 0)) || quote "$temp/newssub.err"
    return "$shown"
}

# In the background: newssub has the terminal. It need not be there first: what it missed it asks
# for, and the journal has it.
publish_live() {
    exec "$newspub" -b "$BROKER_URL" send --publisher harbour --rate "$live_rate" "${samples[@]}" \
        </dev/null >"$temp/newspub.err" 2>&1
}

show_live() {
    local status=0 published=0
    trap : INT # Ctrl-C is how one leaves newssub; the script then goes on to clean up
    publish_live &
    publisher=$!
    "$newssub" -b "$BROKER_URL" 2>"$temp/newssub.err" || status=$?

    if kill -0 "$publisher" 2>/dev/null; then # left before the last item
        kill "$publisher" 2>/dev/null || :
        wait "$publisher" 2>/dev/null || :
    else
        wait "$publisher" || published=$?
    fi
    publisher=''
    if ((status != 0 && status != 130)); then
        say "newssub failed (status $status):"
        quote "$temp/newssub.err"
        return "$status"
    fi
    if ((published != 0 && published != 130)); then
        say "newspub failed (status $published):"
        quote "$temp/newspub.err"
        return "$published"
    fi
}

main() {
    local mode=live
    [[ -t 0 && -t 1 ]] || mode=once
    case ${1:-} in
    '') ;;
    --once) mode=once ;;
    -h | --help) usage && return 0 ;;
    *) say "unknown option $1; see --help" && return 64 ;;
    esac

    temp=$(mktemp -d "${TMPDIR:-/tmp}/newswire-demo.XXXXXX")
    trap cleanup EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP

    # The samples speak eight languages: with no locale set at all, assume a terminal of our time.
    [[ $(locale charmap 2>/dev/null) != ANSI_X3.4-1968 ]] || export LC_ALL=C.UTF-8
    # The demo's own settings and state, not yours.
    unset NEWSWIRE_BROKER
    export XDG_CONFIG_HOME=$temp/config XDG_STATE_HOME=$temp/state
    mkdir -p "$XDG_CONFIG_HOME" "$XDG_STATE_HOME"

    build
    samples=(samples/*.{xml,rdf,atom,json,ndjson})
    broker_start broker-conf/dev.conf
    "show_$mode"
}

main "$@"
