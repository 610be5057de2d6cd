#!/usr/bin/env bash
# fanout.sh - what newsrelay costs, against servers of the same kind in the same run.
#
#     bench/fanout.sh [-r ROUNDS] [-n ITEMS] [PEER]...      (PEERs: bare nats redis relay mosquitto)
#
# Raw clients, all in one thread (bench/fanout/), against one server at a time on loopback TCP: 1 -> 1,
# 1 -> 10, 10 -> 10, 1 -> 100 of 512-byte payloads, as fast as it goes with at most 16384 items under
# way; QoS 1 where there is one; then 10 000 items/s 1 -> 1 for latency. Printed: the median of the
# rounds of each cell, delivered items/s and CPU microseconds of the server for each delivery, p50 and
# p99; then the ratios that are promised. A peer that is not installed is left out, with a reason.
# `bare` is the limit: one epoll loop that moves bytes and looks at none of them.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8

rounds=3 items=2000000
while getopts r:n:h option; do
    case $option in
    r) rounds=$OPTARG ;;
    n) items=$OPTARG ;;
    *)
        sed -n '2,/^set /s/^# \{0,1\}//p' "$0" | sed '/^set /d'
        exit 64
        ;;
    esac
done
shift $((OPTIND - 1))
peers=("${@:-}")
[[ -n ${peers[0]} ]] || peers=(bare nats redis relay mosquitto)

build=build/release
cmake --preset release >/dev/null
cmake --build --preset release >/dev/null
fanout=$build/bench/fanout/fanout
PATH=$PATH:/usr/sbin:/sbin
work=$(mktemp -d)
server=''
stop() {
    [[ -z $server ]] || { kill "$server" && wait "$server"; } 2>/dev/null || :
    server=''
}
trap 'stop; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 30000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
}

wait_for_port() {
    local deadline=$((SECONDS + 10))
    until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
        ((SECONDS < deadline)) || { echo "fanout.sh: nothing listens on port $1" >&2; return 1; }
        sleep 0.05
    done
}

# start PEER: sets port and server; false, with a reason, when it is not here.
start() {
    local program
    port=$(free_port)
    case $1 in
    bare) program=$fanout ;;
    relay) program=$build/relay/newsrelay ;;
    nats) program=nats-server ;;
    redis) program=redis-server ;;
    mosquitto) program=mosquitto ;;
    *) echo "fanout.sh: unknown peer $1" >&2 && exit 64 ;;
    esac
    command -v "$program" >/dev/null || { echo "$1: skipped, $program is not installed"; return 1; }
    case $1 in
    bare) "$program" serve 512 >"$work/port" & ;;
    relay)
        "$program" --listen "nrp://127.0.0.1:$port" --queue 65536 --queue-bytes 64M \
            --log-items 65536 --log-bytes 64M --per-address 1000 --handshakes 1000 --status-every 0 \
            2>"$work/relay.err" &
        ;;
    nats) "$program" -a 127.0.0.1 -p "$port" >"$work/nats.log" 2>&1 & ;;
    redis)
        "$program" --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$work" \
            --client-output-buffer-limit 'pubsub 0 0 0' >"$work/redis.log" 2>&1 &
        ;;
    mosquitto)
        printf '%s\n' "listener $port 127.0.0.1" 'allow_anonymous true' 'set_tcp_nodelay true' \
            'max_queued_messages 0' 'max_inflight_messages 0' >"$work/mosquitto.conf"
        "$program" -c "$work/mosquitto.conf" >"$work/mosquitto.log" 2>&1 &
        ;;
    esac
    server=$!
    if [[ $1 == bare ]]; then
        until [[ -s $work/port ]]; do sleep 0.05; done
        port=$(<"$work/port")
    fi
    wait_for_port "$port"
}

# cell PEER NAME DIVISOR [OPTION]...: one measurement, to $work/results
cell() {
    local peer=$1 name=$2 count=$((items / $3)) line
    shift 3
    # What a slow server cannot do in the time of a quick one is cut down.
    if [[ $peer == mosquitto ]]; then count=$((count / 10)); fi
    line=$("$fanout" "$@" -n "$count" -P "$server" "$peer" "$port") || line='failed'
    printf '%s %s %s\n' "$peer" "$name" "$line" >>"$work/results"
    printf '%-10s %-14s %s\n' "$peer" "$name" "${line#*size=512 }"
}

for ((round = 1; round <= rounds; round++)); do
    printf 'round %d of %d\n' "$round" "$rounds"
    for peer in "${peers[@]}"; do
        start "$peer" || continue
        cell "$peer" 1-1 1 -p 1 -s 1
        cell "$peer" 1-10 4 -p 1 -s 10
        cell "$peer" 10-10 40 -p 10 -s 10
        cell "$peer" 1-100 40 -p 1 -s 100
        case $peer in relay | mosquitto)
            cell "$peer" 1-1-qos1 4 -q 1 -w 1000
            cell "$peer" 1-10-qos1 20 -q 1 -s 10 -w 1000
            ;;
        esac
        # 50 000 items: five seconds, whatever -n says
        line=$("$fanout" -r 10000 -n 50000 -P "$server" "$peer" "$port") || line='failed'
        printf '%s latency %s\n' "$peer" "$line" >>"$work/results"
        printf '%-10s %-14s %s\n' "$peer" latency "${line#*size=512 }"
        stop
    done
done

printf '\nmedians of %d\n' "$rounds"
awk '
function value(name,   i, parts) {
    for (i = 3; i <= NF; i++) { split($i, parts, "="); if (parts[1] == name) return parts[2] }
    return ""
}
function median(list,   n, all, i, j, t) {
    n = split(list, all, " ")
    for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (all[j] + 0 < all[i] + 0) { t = all[i]; all[i] = all[j]; all[j] = t }
    return all[int((n + 1) / 2)]
}
$3 == "failed" { next }
{
    key = $1 " " $2
    if (!(key in rate)) order[++count] = key
    rate[key] = rate[key] " " value("per_s"); cpu[key] = cpu[key] " " value("server_us")
    p50[key] = p50[key] " " value("p50_us"); p99[key] = p99[key] " " value("p99_us")
    lost[key] += value("lost")
}
END {
    for (i = 1; i <= count; i++) {
        k = order[i]; split(k, w, " "); m[k] = median(rate[k])
        line = sprintf("%-10s %-12s %10.0f/s  %7.3f us  lost %d", w[1], w[2], m[k], median(cpu[k]), lost[k])
        if (w[2] == "latency") line = line sprintf("  p50 %d us  p99 %d us", median(p50[k]), median(p99[k]))
        print line
    }
    n = split("1-1 1-10 10-10 1-100", cells, " "); split("bare nats redis mosquitto", against, " ")
    for (c = 1; c <= n; c++) for (a = 1; a <= 4; a++) {
        other = m[against[a] " " cells[c]]
        if (other && m["relay " cells[c]]) printf "relay : %-10s %-6s %6.2f x\n", against[a], cells[c], m["relay " cells[c]] / other
    }
    if (m["nats 1-1"] && m["relay 1-1-qos1"]) printf "relay at QoS 1 : nats  1-1    %6.2f x\n", m["relay 1-1-qos1"] / m["nats 1-1"]
    if (m["nats 1-10"] && m["relay 1-10-qos1"]) printf "relay at QoS 1 : nats  1-10   %6.2f x\n", m["relay 1-10-qos1"] / m["nats 1-10"]
}' "$work/results"
