#!/usr/bin/env bash
# comparison.sh - measures what docs/comparison.md shows, and writes the figures into it.
#
#     bench/comparison.sh [-k] [PLAN...]
#
# In the document a comment names the command, and its output stands between that comment and the next
# `<!-- end -->`:
#
#     <!-- newsbench run smoke --blocks 6 -->
#
# Each is run, or only those of the PLANs named, with the release build; -k keeps the results there are
# and measures only what they lack, so that a measurement that was broken off goes on. Results stay in
# build/comparison: PLAN.json, and comparison.html for a browser. Root and /dev/net/tun are needed for
# delay and loss. Leave the machine alone meanwhile.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8

document=docs/comparison.md
results=build/comparison
keep=0
while getopts kh option; do
    case $option in
    k) keep=1 ;;
    *)
        sed -n '2,/^set /s/^# \{0,1\}//p' "$0" | sed '/^set /d'
        exit 64
        ;;
    esac
done
shift $((OPTIND - 1))

build=build/release
newsbench=$build/bench/newsbench/newsbench
cmake --preset release >/dev/null
cmake --build --preset release >/dev/null
mkdir -p "$results"

is_wanted() {
    local plan=$1 one
    shift
    (($# == 0)) && return 0
    for one; do [[ $one == "$plan" ]] && return 0; done
    return 1
}

all=()
while read -r -a words; do
    plan=${words[1]} result=$results/${words[1]}.json
    if is_wanted "$plan" "$@"; then
        ((keep)) || rm -f "$result"
        echo "comparison.sh: newsbench ${words[*]}" >&2
        "$newsbench" "${words[@]}" --resume -o "$result" >/dev/null
    fi
    [[ -e $result ]] || continue
    all+=("$result")
    "$newsbench" report "$result" >"$results/$plan.txt"
    awk -v text="$results/$plan.txt" -v mark="<!-- newsbench ${words[*]} -->" '
        $0 == "<!-- end -->" { inside = 0 }
        !inside { print }
        $0 == mark {
            inside = 1
            print "```"
            while ((getline line < text) > 0) print line
            print "```"
        }' "$document" >"$results/document.md"
    cp "$results/document.md" "$document"
done < <(sed -n 's/^<!-- newsbench \(.*\) -->$/\1/p' "$document")
"$newsbench" report "${all[@]}" --html "$results/comparison.html" >/dev/null
