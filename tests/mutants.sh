#!/bin/sh
# Would the tests notice? Breaks the protocol core in one place at a time, on a copy, and runs the
# simulator, and then the unit tests named below, until something fails. Prints what caught each
# mutation; fails if one goes unnoticed, or no longer changes anything.
# usage: mutants.sh [NAME]      NAME: that one alone
# shellcheck disable=SC2086
set -eu
cd "$(dirname "$0")/.."
only=${1:-}
cc=${CC:-cc}
flags="-std=gnu17 -O1 -D_GNU_SOURCE -DNEWS_VERSION=__FILE__ -I. -w"
packages="libcrypto libutf8proc jansson inih cmocka"
libs="$(pkg-config --libs $packages) -lm -pthread"
units="sender nrp_receiver hub_datagram"
seeds=2000

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/base"

# name | file | sed expression
cat >"$work/table" <<'END'
heartbeats off|relay/sender.c|s/return next_heartbeat(.*/return false;/
NAK once, never again|common/nrp/receiver_holes.c|s/ask_at(r, s, r->now_us + wait);/ask_at(r, s, INT64_MAX);/
linger off|relay/sender.c|s/e->resent && s->now_us - e->resent_us < s->c.linger_us/s->c.linger_us < 0/
replay window off|common/nrp/secure.c|/^bool nrp_replay_fresh/,/^}/s/return !(.*/return true;/
dedup by iseq off|common/nrp/floor.c|/^static bool see(/,/^}/s/return false;/return true;/
ACK before accept|common/nrp/client_items.c|/c->unaccepted = d->dseq;/d
cookies unchecked|relay/session_handshake.c|s/if (!nrp_cookie_check(/if (0 \&\& !nrp_cookie_check(/
GAP not announced|relay/outbox.c|/^static enum outbox_result drop_newest/,/^}/s/if (!outbox_push_gap(.*/(void)frames;/
resync off|common/nrp/client_subscribe.c|s/return c->floor && !c->requests.count/return false \&\& c->floor/
packet number stands still|relay/hub_datagram.c|s/= p->packets_out++/= p->packets_out/
fragments not awaited|common/nrp/receiver.c|/^static bool is_whole/,/^}/s/return .*/return s->start == dseq;/
window unchecked|relay/sender.c|s/ && s->last_dseq - s->acked < s->c.window//
publications taken twice|relay/log.c|/^static enum log_appended append(/,/^}/s/return LOG_REPEATED;/;/
tags unchecked|common/nrp/secure.c|s/EVP_CipherFinal_ex(c->gcm, none, &n) == 1;/(EVP_CipherFinal_ex(c->gcm, none, \&n), true);/
wills forgotten|relay/session.c|s/if (!goodbye && !h->shutting) session_will(h, p);//
small HELLOs answered|relay/hub_datagram.c|s/ && len >= NRP_HELLO_DATAGRAM//
addresses unchecked|relay/hub_datagram.c|s/return p && same_address(&p->from, from) ? p/return p ? p/
behind without an end|relay/hub_dispatch.c|s/return p->cursor != before;/return true;/
ACKs of what is not sent yet passed over|relay/sender.c|s/if (cum_dseq > s->last_dseq) cum_dseq = s->last_dseq;/if (cum_dseq > s->last_dseq) return;/
digest of the group's bodies unchecked|common/nrp/client_group.c|s/if (b->frame \&\& memcmp(.*/if (b->frame) return b;/
bodies of the time before|relay/session_group.c|s/p->d->member_since = group_position(h->group);/p->d->member_since = 0;/
group's key in clear|relay/session_group.c|s/p->hello.security != needed/p->hello.security == NRP_OPEN \&\& needed == NRP_SEALED/
group's packet number stands still|relay/group.c|s/= g->packets++/= g->packets/
END

object() { # of a source file
    echo "$work/base/$(echo "$1" | tr / _).o"
}

build_base() {
    for source in common/*.c common/nrp/*.c relay/*.c tests/simulator/*.c; do
        [ "$source" = relay/main.c ] || echo "$source"
    done >"$work/sources"
    for unit in $units; do echo "tests/unit/test_$unit.c"; done >>"$work/sources"
    while read -r source; do
        echo "$cc $flags $(pkg-config --cflags $packages) -c $source -o $(object "$source")"
    done <"$work/sources" | xargs -P 2 -I{} sh -c '{}'
    # Objects of the simulator and the tests by name, everything else from a library: a mutated
    # object that is named first is taken instead of the library's.
    (cd "$work/base" && ar rcs libcore.a common_*.o relay_*.o)
}

link() { # link OUTPUT OBJECT...
    output=$1
    shift
    $cc -o "$output" "$@" "$work/base/libcore.a" $libs
}

simulate() { # simulate [OBJECT]: 0 when all is well; what failed is in $work/said
    link "$work/simulate" "$work"/base/tests_simulator_*.o "$@"
    timeout 120 "$work/simulate" --seeds $seeds --list tests/simulator/seeds.txt \
        >"$work/said" 2>&1
}

caught_by_unit() { # caught_by_unit UNIT [OBJECT]
    unit=$1
    shift
    link "$work/unit" "$(object "tests/unit/test_$unit.c")" "$@"
    if (cd "$work" && NEWS_SOURCE_DIR=$OLDPWD timeout 60 ./unit) >"$work/said" 2>&1; then return 1; fi
    return 0
}

# Prints what caught it; false: nothing did.
catcher() {
    if ! simulate "$@"; then
        said=$(grep -m1 '^seed' "$work/said" || echo "simulate: a crash")
        echo "$said" | cut -c1-60
        return 0
    fi
    for unit in $units; do
        if caught_by_unit "$unit" "$@"; then
            echo "test_$unit: $(sed -n 's/^.*FAILED  *\] *\([a-z_]*\).*/\1/p' "$work/said" | head -1)"
            return 0
        fi
    done
    return 1
}

build_base
if said=$(catcher); then
    echo "without any mutation: $said"
    exit 1
fi
failed=0
while IFS='|' read -r name file expression; do
    if [ -n "$only" ] && [ "$only" != "$name" ]; then continue; fi
    # Beside the original, so that includes work; named so that nobody takes it for a source.
    sed "$expression" "$file" >"$work/mutant.c"
    if cmp -s "$file" "$work/mutant.c"; then
        echo "$name: changes nothing in $file any more"
        failed=1
        continue
    fi
    $cc $flags -c "$work/mutant.c" -o "$work/mutant.o"
    if said=$(catcher "$work/mutant.o"); then
        printf '%-42s %s\n' "$name" "$said"
    else
        printf '%-42s NOT CAUGHT\n' "$name"
        failed=1
    fi
done <"$work/table"
exit $failed
