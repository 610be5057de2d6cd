#!/usr/bin/env bash
# broker.sh - a private Mosquitto on a free loopback port, gone when you are.
#
# As a command:
#     scripts/broker.sh [-c CONF] [COMMAND [ARG]...]
# runs COMMAND with the broker's address in NEWSWIRE_BROKER and ends with its status; without a
# COMMAND it prints the port and serves until Ctrl-C.
#
# In a script:
#     . scripts/broker.sh
#     broker_start [CONF]       sets BROKER_PORT, BROKER_URL, BROKER_PID, BROKER_DIR
#     broker_stop               ends it and removes its folder; again is fine
# broker_start sets `trap broker_stop EXIT` unless the script has an EXIT trap already, which then
# has to call broker_stop itself. A script that wants this on Ctrl-C needs no more: bash runs the
# EXIT trap then, too.
#
# CONF is a file of broker-conf/ (dev.conf if not given) with exactly one line
# `listener PORT 127.0.0.1`, whose port is replaced. Nothing else of it is changed.

BROKER_PID='' BROKER_DIR='' BROKER_PORT='' BROKER_URL=''
broker_home=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

broker_fail() {
    printf 'broker.sh: %s\n' "$*" >&2
    return 1
}

# Waits for one start to succeed or fail. 0 it listens, 1 the port was taken, 2 anything else.
# Our own log says so, not a connection: another program may own the port.
broker_await() {
    local deadline=$((SECONDS + 15))
    until grep -q 'mosquitto version .* running' "$BROKER_DIR/log"; do
        if ! kill -0 "$BROKER_PID" 2>/dev/null; then
            grep -q 'Address already in use' "$BROKER_DIR/log" && return 1
            return 2
        fi
        ((SECONDS < deadline)) || return 2
        sleep 0.02
    done
    # Listening; the first connection proves that it also accepts.
    (exec 3<>"/dev/tcp/127.0.0.1/$BROKER_PORT") 2>/dev/null || return 2
}

broker_launch() {
    local conf=$1
    # Below the range from which the kernel takes ports of outgoing connections.
    BROKER_PORT=$((20000 + RANDOM % 10000))
    sed -E "s/^listener[[:space:]]+[0-9]+[[:space:]]+127\.0\.0\.1[[:space:]]*$/listener $BROKER_PORT 127.0.0.1/" \
        "$conf" >"$BROKER_DIR/conf"
    # What broker_await reads, whatever CONF says of its log.
    printf 'log_dest stderr\nlog_type error\nlog_type information\n' >>"$BROKER_DIR/conf"
    : >"$BROKER_DIR/log"
    PATH=$PATH:/usr/local/sbin:/usr/sbin mosquitto -c "$BROKER_DIR/conf" \
        </dev/null >"$BROKER_DIR/log" 2>&1 &
    BROKER_PID=$!
}

broker_start() {
    local conf=${1:-$broker_home/broker-conf/dev.conf} attempt status
    [[ -z $BROKER_PID ]] || broker_fail 'already started' || return
    [[ -r $conf ]] || broker_fail "$conf: cannot be read" || return
    [[ $(grep -cE '^listener[[:space:]]+[0-9]+[[:space:]]+127\.0\.0\.1[[:space:]]*$' "$conf") == 1 ]] ||
        broker_fail "$conf: needs exactly one line 'listener PORT 127.0.0.1'" || return

    BROKER_DIR=$(mktemp -d "${TMPDIR:-/tmp}/newswire-broker.XXXXXX") || return
    chmod 755 "$BROKER_DIR" # started by root, Mosquitto becomes user "mosquitto"
    [[ -n $(trap -p EXIT) ]] || trap broker_stop EXIT

    for attempt in {1..20}; do
        broker_launch "$conf"
        status=0
        broker_await || status=$?
        if ((status == 0)); then
            BROKER_URL=mqtt://127.0.0.1:$BROKER_PORT
            return 0
        fi
        ((status == 1)) || break
    done
    broker_fail "Mosquitto did not start (attempt $attempt):" || :
    sed 's/^/    /' "$BROKER_DIR/log" >&2
    broker_stop
    return 1
}

broker_stop() {
    if [[ -n $BROKER_PID ]]; then
        kill "$BROKER_PID" 2>/dev/null || : # ended by itself
        wait "$BROKER_PID" 2>/dev/null || :
    fi
    [[ -z $BROKER_DIR ]] || rm -rf "$BROKER_DIR"
    BROKER_PID='' BROKER_DIR=''
    return 0
}

broker_main() {
    set -euo pipefail
    local conf=''
    case ${1:-} in
    -h | --help)
        sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        return 0
        ;;
    -c)
        [[ $# -ge 2 ]] || { broker_fail '-c needs a file' || exit 64; }
        conf=$2
        shift 2
        ;;
    -*)
        broker_fail "unknown option $1; see --help" || exit 64
        ;;
    esac
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    broker_start ${conf:+"$conf"}
    if (($#)); then
        local status=0
        NEWSWIRE_BROKER=$BROKER_URL "$@" || status=$?
        exit "$status"
    fi
    printf '%s\n' "$BROKER_PORT"
    wait "$BROKER_PID"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    broker_main "$@"
fi
