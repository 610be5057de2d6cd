#!/usr/bin/env bash
# test.sh - everything that decides whether Newswire works, on a machine with Debian 12.
#
#     scripts/test.sh           installs what is missing, builds, runs every test
#     scripts/test.sh --quick   only the unit and integration tests
#
# The steps: all tests under AddressSanitizer and UBSan; the tests labelled `thread` under
# ThreadSanitizer; each fuzz target for NEWS_FUZZ_SECONDS (15) over its corpus; scripts/demo.sh
# --once. A step that fails does not keep the others from running.
#
# The last line is `N passed, N failed, N skipped`: tests of ctest, fuzz targets, the demo, and as
# failed each build that did. The exit status is 0 if nothing failed. A test that printed SKIP
# counts as skipped, whatever else it did, and its reason is shown. Nothing is written outside
# build/ and a temporary folder, except by the installation of packages.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly test_timeout=300 # seconds, for a test that sets no limit of its own
readonly fuzz_seconds=${NEWS_FUZZ_SECONDS:-15}
readonly fuzz_max_len=16384 # bytes: longer than any interesting item, short enough to be fast
passed=0 failed=0 skipped=0
complete=0
temp=''
no_aslr=()

heading() { printf '\n== %s\n' "$*"; }

say() { printf '%s\n' "$*"; }

usage() { sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

quote() { tail -n "${2:-60}" "$1" | sed 's/^/    /'; }

finish() {
    local status=$?
    [[ -z $temp ]] || rm -rf "$temp"
    if ((!complete)); then
        failed=$((failed + 1))
        printf '\ntest.sh: did not finish (status %d)\n' "$status"
    fi
    printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
    if ((status == 0 && failed)); then status=1; fi
    exit "$status"
}

# build PRESET: false when it does not configure or compile; its log is shown then.
build() {
    local log=$temp/build-$1.log
    if { cmake --preset "$1" && cmake --build --preset "$1"; } >"$log" 2>&1; then
        say "built build/$1"
    else
        failed=$((failed + 1))
        quote "$log"
        say "FAILED: building preset $1"
        return 1
    fi
}

# How many test cases of a JUnit file an XPath condition selects.
count_cases() { xmllint --recover --xpath "count(//testcase[$2])" "$1" 2>/dev/null || echo 0; }

names_of() { xmllint --recover --xpath "//testcase[$2]/@name" "$1" 2>/dev/null | sed 's/.*name="\(.*\)"$/\1/'; }

# Adds a JUnit file of ctest to the sums and names what was skipped.
tally() {
    local file=$1 line=$'\n' said by_ctest name reason
    # By the test itself, at the start of a line or as cmocka does, or by ctest for what it returned.
    said="contains(concat('$line', system-out), '${line}SKIP') or contains(system-out, '[  SKIPPED ]')"
    by_ctest="@status='notrun' and starts-with(skipped/@message, 'SKIP_')"
    local skip="@status='run' and ($said) or $by_ctest or @status='disabled'"
    local pass="@status='run' and not($said)"
    local all ok not_run
    all=$(count_cases "$file" 'true()')
    ok=$(count_cases "$file" "$pass")
    not_run=$(count_cases "$file" "$skip")
    passed=$((passed + ok))
    skipped=$((skipped + not_run))
    failed=$((failed + all - ok - not_run)) # failed, timed out, or could not be started
    say "$ok passed, $((all - ok - not_run)) failed, $not_run skipped"
    while read -r name; do
        said=$(xmllint --recover --xpath "string(//testcase[@name='$name']/system-out)" "$file" 2>/dev/null || :)
        reason=$(grep -m 1 -E '^SKIP|SKIPPED' <<<"$said" || grep -m 1 . <<<"$said" || :)
        say "    skipped: $name${reason:+: $reason}"
    done < <(names_of "$file" "$skip")
}

# run_tests PRESET [CTEST OPTION]...
run_tests() {
    local preset=$1 log=$temp/ctest-$1.log junit=$temp/ctest-$1.xml status=0
    shift
    "${no_aslr[@]}" ctest --test-dir "build/$preset" --output-on-failure --no-tests=error \
        --parallel 2 --timeout "$test_timeout" --output-junit "$junit" \
        --test-output-size-passed 65536 --test-output-size-failed 262144 "$@" >"$log" 2>&1 || status=$?
    if [[ ! -s $junit ]]; then
        failed=$((failed + 1))
        quote "$log"
        say 'FAILED: ctest ran nothing'
        return
    fi
    if ((status)); then quote "$log" 400; fi
    local before=$failed
    tally "$junit"
    # ctest is the judge: what it calls failed must show, even if we read its report otherwise.
    if ((status && failed == before)); then
        failed=$((failed + 1))
        say "FAILED: ctest ended with status $status"
    fi
}

run_thread_tests() {
    if ctest --test-dir build/tsan -N -L '^thread$' | grep -q '^Total Tests: 0$'; then
        skipped=$((skipped + 1))
        say '    skipped: no test is labelled thread'
        return
    fi
    run_tests tsan -L '^thread$'
}

# fuzz_one EXECUTABLE: what it finds is kept in build/fuzz/findings.
fuzz_one() {
    local target=$1 name corpus seeds log
    name=$(basename "$target")
    log=$temp/$name.log corpus=$temp/corpus/$name
    mkdir -p "$corpus" build/fuzz/findings
    for seeds in "tests/fuzz/corpus/$name" "tests/fuzz/corpus/${name#fuzz_}"; do
        [[ ! -d $seeds ]] || cp -R "$seeds/." "$corpus/"
    done
    # The outer limit is for a target that hangs where libFuzzer's own clock does not reach.
    if "${no_aslr[@]}" timeout -k 10 $((fuzz_seconds + 120)) "$target" "$corpus" \
        -max_total_time="$fuzz_seconds" -max_len="$fuzz_max_len" -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="build/fuzz/findings/$name-" </dev/null >"$log" 2>&1; then
        passed=$((passed + 1))
        say "$name: $(grep -a '^Done ' "$log" || echo 'done')"
    else
        failed=$((failed + 1))
        quote "$log"
        say "FAILED: $name; its input is in build/fuzz/findings/$name-*"
    fi
}

fuzz_all() {
    local target any=0
    for target in build/fuzz/tests/fuzz/fuzz_*; do
        [[ -f $target && -x $target ]] || continue
        any=1
        fuzz_one "$target"
    done
    if ((!any)); then
        failed=$((failed + 1))
        say 'FAILED: no fuzz target in build/fuzz/tests/fuzz'
    fi
}

run_demo() {
    local status=0 lines
    scripts/demo.sh --once >"$temp/demo.out" 2>"$temp/demo.err" </dev/null || status=$?
    lines=$(grep -c . "$temp/demo.out" || :)
    if ((status == 0 && lines > 0)); then
        passed=$((passed + 1))
        say "printed $lines lines"
    else
        failed=$((failed + 1))
        quote "$temp/demo.err"
        say "FAILED: scripts/demo.sh --once, status $status, $lines lines"
    fi
}

main() {
    local quick=0
    case ${1:-} in
    '') ;;
    --quick) quick=1 ;;
    -h | --help) usage && exit 0 ;;
    *) printf 'test.sh: unknown option %s; see --help\n' "$1" >&2 && exit 64 ;;
    esac
    [[ $fuzz_seconds =~ ^[1-9][0-9]*$ ]] ||
        { printf 'test.sh: NEWS_FUZZ_SECONDS: not a number of seconds\n' >&2 && exit 64; }

    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    heading 'What it takes'
    scripts/deps.sh test
    say 'all there'

    # The same on every machine: no locale but this, no home, no settings of yours.
    export LC_ALL=C.UTF-8
    temp=$(mktemp -d "${TMPDIR:-/tmp}/newswire-test.XXXXXX")
    export HOME=$temp/home XDG_CONFIG_HOME=$temp/home/config XDG_STATE_HOME=$temp/home/state
    mkdir -p "$XDG_CONFIG_HOME" "$XDG_STATE_HOME"
    unset NEWSWIRE_BROKER
    export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
    # The sanitizers of gcc 12 and clang 14 lose their way when a recent kernel places memory too
    # randomly. Some containers forbid to turn that off; then it goes as it goes.
    if setarch "$(uname -m)" -R true 2>/dev/null; then no_aslr=(setarch "$(uname -m)" -R); fi

    heading 'Tests, with AddressSanitizer and UBSan'
    if build asan; then run_tests asan; fi
    if ((!quick)); then
        heading 'Tests of what has threads, with ThreadSanitizer'
        if build tsan; then run_thread_tests; fi
        heading "Fuzzing, $fuzz_seconds s each"
        if build fuzz; then fuzz_all; fi
        heading 'The demo'
        run_demo
    fi
    complete=1
}

main "$@"
