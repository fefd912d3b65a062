#!/usr/bin/env bash
# Everything that must hold before a change is taken: format, lints, build, tests, licences, sample logs, pages in a browser.
#
#   ./test.sh                all of it; installs Node and Chromium with the system's package manager when it may (root, or Homebrew)
#   ./test.sh --no-browser   without the pages
#
# Every step runs even when one before it failed. The last line is the sum of the test runners: `N passed, N failed`.
# Exit code: 0 when every step held, 1 when one did not, 2 for a wrong argument.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

browser=yes
for argument in "$@"; do
    case "$argument" in
        --no-browser) browser=no ;;
        -h | --help)
            sed -n '2,9s/^# \{0,1\}//p' "$0"
            exit 0
            ;;
        *)
            echo "test.sh: $argument is not known; ./test.sh --help shows what is" >&2
            exit 2
            ;;
    esac
done

passed=0
failed=0
broken=()
skipped=()
log=$(mktemp)
trap 'rm -f "$log"' EXIT

heading() { printf '\n== %s\n' "$1"; }

have() { command -v "$1" >/dev/null 2>&1; }

skip() {
    heading "$1: skipped"
    echo "$2"
    skipped+=("$1")
}

# Runs a step and goes on: `step NAME COMMAND...`. Its output stays in $log.
step() {
    local name=$1
    shift
    heading "$name"
    if "$@" 2>&1 | tee "$log"; then
        return 0
    fi
    broken+=("$name")
    return 1
}

# Runs a test runner as a step and adds up its closing lines: `runner NAME COUNTER COMMAND...`. COUNTER reads the output and prints
# "PASSED FAILED". A runner that fails without a count (it did not build) counts as one failure.
runner() {
    local name=$1 counter=$2 held=yes counts
    shift 2
    step "$name" "$@" || held=no
    counts=$(sed $'s/\033\\[[0-9;]*m//g' "$log" | "$counter")
    passed=$((passed + ${counts% *}))
    failed=$((failed + ${counts#* }))
    if [[ $held == no && ${counts#* } == 0 ]]; then
        failed=$((failed + 1))
    fi
}

# "Summary [ 1.2s] 210 tests run: 209 passed (1 slow), 1 failed, 0 skipped"
count_nextest() { awk '/Summary \[/ { for (i = 2; i <= NF; i++) { if ($i ~ /^passed/) p += $(i - 1); if ($i ~ /^(failed|timed)/) f += $(i - 1) } } END { print p + 0, f + 0 }'; }

# "test result: ok. 12 passed; 0 failed; ..." once a binary
count_cargo() { awk '/^test result:/ { for (i = 2; i <= NF; i++) { if ($i ~ /^passed/) p += $(i - 1); if ($i ~ /^failed/) f += $(i - 1) } } END { print p + 0, f + 0 }'; }

# "ℹ pass 12" and "ℹ fail 0"; "# pass 12" in older releases
count_node() { awk 'NF == 3 && $2 == "pass" { p += $3 } NF == 3 && ($2 == "fail" || $2 == "cancelled") { f += $3 } END { print p + 0, f + 0 }'; }

node_is_new_enough() { have node && have npm && [[ $(node -p 'process.versions.node.split(".")[0] >= 20') == true ]]; }

# `type -P`: a file on the PATH, never this function or an alias.
find_chromium() {
    local name path
    for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable "/Applications/Chromium.app/Contents/MacOS/Chromium" "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
        if [[ -n $name ]] && path=$(type -P "$name"); then
            echo "$path"
            return 0
        fi
    done
    return 1
}

# Installs packages with the manager of this system: `install_packages node|chromium|compiler ...`.
install_packages() {
    local wanted=("$@") names=() name
    for name in "${wanted[@]}"; do
        case "$name" in
            node) if have brew && [[ $EUID != 0 ]]; then names+=(node); else names+=(nodejs npm); fi ;;
            compiler) if have apt-get; then names+=(build-essential); elif have apk; then names+=(build-base); elif have pacman; then names+=(base-devel); else names+=(gcc); fi ;;
            *) names+=("$name") ;;
        esac
    done
    if have brew && [[ $EUID != 0 ]]; then
        for name in "${names[@]}"; do
            if [[ $name == chromium ]]; then brew install --cask chromium; else brew install "$name"; fi
        done
    elif [[ $EUID != 0 ]]; then
        return 1
    elif have apt-get; then
        apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${names[@]}"
    elif have dnf; then
        dnf install -y "${names[@]}"
    elif have apk; then
        apk add --no-cache "${names[@]}"
    elif have pacman; then
        pacman -S --needed --noconfirm "${names[@]}"
    else
        return 1
    fi
}

if ! have cargo; then
    echo "test.sh: cargo is missing; install Rust 1.89 or newer as https://rustup.rs says" >&2
    exit 1
fi

if ! have cc && ! step "install a C compiler" install_packages compiler; then
    echo "test.sh: a C compiler is missing; install gcc or clang (Debian: build-essential)" >&2
    exit 1
fi

if [[ $browser == yes ]]; then
    missing=()
    node_is_new_enough || missing+=(node)
    find_chromium >/dev/null || missing+=(chromium)
    if ((${#missing[@]} > 0)); then
        step "install what the pages are tested with: ${missing[*]}" install_packages "${missing[@]}" || true
    fi
    if ! node_is_new_enough || ! find_chromium >/dev/null; then
        {
            echo
            echo "test.sh: the tests of the pages need Node 20 or newer (with npm) and Chromium; missing:"
            node_is_new_enough || echo "  Node $(have node && node --version || echo '(none)') -> 20 or newer: https://nodejs.org/"
            find_chromium >/dev/null || echo "  Chromium -> the package chromium of your system, or CHROMIUM=/path/to/chrome"
            echo "Without them: ./test.sh --no-browser"
        } >&2
        exit 1
    fi
fi

step "format" cargo fmt --check || true
step "lints" cargo clippy --all-targets -- -D warnings || true
step "release build" cargo build --release || true
if cargo nextest --version >/dev/null 2>&1; then
    runner "tests" count_nextest cargo nextest run --no-fail-fast
else
    runner "tests" count_cargo cargo test --no-fail-fast
fi

if cargo deny --version >/dev/null 2>&1; then
    step "licences and origin of dependencies" cargo deny check bans licenses sources || true
else
    skip "licences and origin of dependencies" "cargo-deny is not installed: cargo install --locked cargo-deny"
fi
if cargo machete --version >/dev/null 2>&1; then
    step "unused dependencies" cargo machete || true
else
    skip "unused dependencies" "cargo-machete is not installed: cargo install --locked cargo-machete"
fi
if have node; then
    step "sample logs are what their generator writes" node sample-logs/make/generate.mjs --check || true
else
    skip "sample logs are what their generator writes" "Node is not installed"
fi

if [[ $browser == yes ]]; then
    export CHROMIUM
    CHROMIUM=$(find_chromium)
    if step "install the browser tests' packages" npm ci --prefix tests/browser --no-audit --no-fund; then
        runner "pages in Chromium" count_node node --test --test-reporter=spec tests/browser/*.test.mjs
    else
        failed=$((failed + 1))
    fi
else
    skip "pages in Chromium" "--no-browser was given"
fi

heading "result"
if ((${#skipped[@]} > 0)); then
    printf 'skipped: %s\n' "${skipped[@]}"
fi
code=0
if ((${#broken[@]} > 0)); then
    printf 'did not hold: %s\n' "${broken[@]}"
    code=1
fi
if ((failed > 0)); then
    code=1
fi
echo "$passed passed, $failed failed"
exit "$code"
