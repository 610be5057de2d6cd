#!/usr/bin/env bash
# deps.sh - installs what is missing to build, run or test Newswire, on Debian 12.
#
#     scripts/deps.sh [build] [run] [test]      (none: build run)
#
# `test` includes the other two. Each need is looked for by what it is for (a program, a library
# as pkg-config sees it), not by package, so that what you installed otherwise counts. When all is
# there, nothing happens; otherwise apt-get installs the packages, as root or with sudo. Without
# apt-get the missing ones are listed and the exit status is 1.
set -euo pipefail

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin # where Debian keeps its servers

# package            how to see that it is there
needs_build='
    cmake              command cmake
    ninja-build        command ninja
    gcc                command gcc
    pkg-config         command pkg-config
    libc6-dev          file /usr/include/stdlib.h
    libmosquitto-dev   library libmosquitto
    libjansson-dev     library jansson
    libxml2-dev        library libxml-2.0
    libutf8proc-dev    library libutf8proc
    libinih-dev        library inih
    libssl-dev         library libcrypto
    libsqlite3-dev     library sqlite3
    libpcre2-dev       library libpcre2-8
    libncurses-dev     library ncursesw
    libcurl4-openssl-dev library libcurl'
needs_run='
    mosquitto          command mosquitto'
needs_test='
    mosquitto-clients  command mosquitto_sub
    libcmocka-dev      library cmocka
    libvterm-dev       library vterm
    clang              command clang
    libclang-rt-14-dev fuzzer clang
    llvm               command llvm-symbolizer
    libxml2-utils      command xmllint
    jq                 command jq
    tmux               command tmux
    strace             command strace
    procps             command pgrep'
# Tests that need these are skipped without them.
optional_test='
    nats-server        command nats-server'

say() { printf 'deps.sh: %s\n' "$*" >&2; }

usage() { sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; }

present() {
    local kind=$1 what=$2
    case $kind in
    command) command -v "$what" >/dev/null ;;
    library) command -v pkg-config >/dev/null && pkg-config --exists "$what" ;;
    file) [[ -e $what ]] || compgen -G "/usr/include/*-linux-*/${what##*/}" >/dev/null ;;
    fuzzer) # libFuzzer's and the sanitizers' run-time libraries, for this clang
        command -v "$what" >/dev/null &&
            [[ -e $("$what" -print-file-name="libclang_rt.fuzzer-$(uname -m).a") ||
                -n $(compgen -G "$("$what" -print-resource-dir)/lib/*/libclang_rt.fuzzer*.a") ]]
        ;;
    esac
}

# Prints the packages of a table whose purpose nothing on this machine serves.
missing_of() {
    local package kind what
    while read -r package kind what; do
        [[ -z $package ]] || present "$kind" "$what" || printf '%s\n' "$package"
    done <<<"$1"
}

as_root() {
    if ((EUID == 0)); then
        "$@"
    elif [[ -t 0 ]]; then
        sudo "$@"
    else
        sudo -n "$@" # nobody is there to type a password
    fi
}

can_be_root() { ((EUID == 0)) || command -v sudo >/dev/null; }

# The packages of servers start them: Debian asks policy-rc.d first, and ours says no, while we
# install. One that is there already stays as it is.
policy=/usr/sbin/policy-rc.d
policy_is_ours=0
refuse_services() {
    [[ ! -e $policy ]] || return 0
    printf '#!/bin/sh\n# by scripts/deps.sh of Newswire, while it installs\nexit 101\n' >"$temp/policy-rc.d"
    as_root install -m 755 "$temp/policy-rc.d" "$policy"
    policy_is_ours=1
}

cleanup() {
    if ((policy_is_ours)); then as_root rm -f "$policy" || :; fi
    rm -rf "$temp"
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 \
        apt-get -q -o DPkg::Lock::Timeout=300 "$@" </dev/null >>"$temp/log" 2>&1
}

install_required() {
    say "installing with apt-get: $*"
    if ! { apt update && apt install -y --no-install-recommends "$@"; }; then
        cat "$temp/log" >&2
        say 'apt-get failed, see above'
        return 1
    fi
}

install_optional() {
    say "installing with apt-get, if possible: $*"
    apt install -y --no-install-recommends "$@" ||
        say "note: could not install $*; the tests that use it are skipped"
}

note_servers() {
    local server
    [[ -d /run/systemd/system ]] || return 0
    for server in "$@"; do
        command -v "$server" >/dev/null || continue
        case $server in
        mosquitto | nats-server)
            say "note: the system service $server was not started; it is enabled for the next boot" \
                "(sudo systemctl disable $server, if you do not want it). Our scripts do not use it."
            ;;
        esac
    done
}

main() {
    local -a required optional=()
    local set tables='' extras=''
    for set in "${@:-build run}"; do
        case $set in
        build) tables+=$needs_build ;;
        run) tables+=$needs_run ;;
        'build run') tables+=$needs_build$needs_run ;;
        test) tables+=$needs_build$needs_run$needs_test extras=$optional_test ;;
        -h | --help) usage && exit 0 ;;
        *) say "unknown set '$set': build, run or test" && exit 64 ;;
        esac
    done
    mapfile -t required < <(missing_of "$tables" | sort -u)
    mapfile -t optional < <(missing_of "$extras")
    ((${#required[@]} + ${#optional[@]})) || return 0

    if ! command -v apt-get >/dev/null; then
        ((${#required[@]})) || return 0
        say 'this system has no apt-get. Please install what these Debian packages contain:'
        printf '    %s\n' "${required[@]}" >&2
        exit 1
    fi
    if ! can_be_root; then
        ((${#required[@]})) || return 0
        say 'not root, and no sudo. As root, please run:'
        printf '    apt-get install %s\n' "${required[*]}" >&2
        exit 1
    fi

    temp=$(mktemp -d "${TMPDIR:-/tmp}/newswire-deps.XXXXXX")
    trap cleanup EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    refuse_services
    if ((${#required[@]})); then install_required "${required[@]}"; fi
    if ((${#optional[@]})); then install_optional "${optional[@]}"; fi
    note_servers "${required[@]}" "${optional[@]}"

    mapfile -t required < <(missing_of "$tables" | sort -u)
    if ((${#required[@]})); then
        say "still missing after the installation: ${required[*]}"
        exit 1
    fi
}

main "$@"
