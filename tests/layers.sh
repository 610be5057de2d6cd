#!/bin/sh
# The direction of dependency (STYLE.md): programs -> common, never the other way or to each other.
# Prints each include that breaks it as FILE:LINE: TEXT: WHY, and fails if there was one.
# shellcheck disable=SC2046,SC2086
set -eu
cd "$(dirname "$0")/.."

programs="publisher subscriber relay bench" # words, split on purpose
found=$(mktemp)
trap 'rm -f "$found"' EXIT

sources() {
    for folder; do
        if [ -d "$folder" ]; then find "$folder" -name '*.[ch]'; fi
    done
}

# refuse WHY REGEX FILE...: every #include of these files that matches is a fault.
refuse() {
    why=$1 regex=$2
    shift 2
    [ $# -gt 0 ] || return 0
    grep -nHE "^[[:space:]]*#[[:space:]]*include[[:space:]]*$regex" "$@" |
        sed "s|\$|: $why|" >>"$found" || true
}

# only REGEX ALLOWED...: the foreign header is included by the allowed files alone (shell patterns).
only() {
    regex=$1
    shift
    for file in $(sources common $programs); do
        for allowed; do
            # shellcheck disable=SC2254
            case $file in $allowed) continue 2 ;; esac
        done
        refuse "this foreign library belongs to other modules" "$regex" "$file"
    done
}

for program in $programs; do
    refuse "common knows nobody above it" "\"$program/" $(sources common)
    for other in $programs; do
        [ "$program" = "$other" ] ||
            refuse "programs never include each other" "\"$other/" $(sources "$program")
    done
done
{
    refuse "tests are not part of a program" '"tests/' $(sources common $programs)
    refuse "news_common knows no carrier" '"common/transport/' \
        $(sources common | grep -v '^common/transport/')
    refuse "the protocol and the relay know no carrier" '"common/transport/' $(sources common/nrp relay)
    refuse "the protocol without I/O opens nothing" '<(sys/socket|sys/epoll|netinet/|arpa/|poll)' \
        $(sources common/nrp) relay/hub*.c relay/session*.c relay/sender.c relay/outbox.c relay/log.c
    # quotes: from the root, with a folder in front and no way up
    refuse "includes start at the root" '"[^/"]*"' $(sources common $programs tests)
    refuse "includes start at the root" '"[^"]*\.\.?/' $(sources common $programs tests)
    refuse "our own headers stand in quotes" "<(common|publisher|subscriber|relay|bench|tests)/" \
        $(sources common $programs tests)
}

only '<mosquitto' 'common/transport/*'
only '<jansson' common/item_upgrade.c publisher/feed_json.c publisher/short_form.c 'bench/newsbench/*'
only '<libxml/' 'publisher/*'
only '<utf8proc' 'common/text*' common/topic.c 'publisher/*'
only '<ini\.h' common/options.c bench/newsbench/plan.c
only '<openssl/' common/uuid.c common/nrp/secure.c 'publisher/*'
only '<sqlite3' 'common/storage/*' publisher/journal.c 'subscriber/store*.c' 'subscriber/history*.c'
only '<curl/' publisher/fetch.c
only '<(ncurses|curses|panel|term)\.h' 'subscriber/screen*.c'
only '<pcre2' subscriber/pattern.c
only '<cmocka'

if [ -s "$found" ]; then
    sort -u "$found"
    exit 1
fi
