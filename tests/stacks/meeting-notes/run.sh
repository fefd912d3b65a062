#!/bin/bash
# Builds the services, plays the load and puts the truth together:  run.sh [OUT] [SECONDS] [SEED]
# Needs Debian packages (installed if missing) and Rust with cargo.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=${BUILD:-$(mktemp -d)}
out=$(realpath -m "${1:-out}")
packages="golang-go rabbitmq-server python3 golang-github-rs-zerolog-dev golang-github-rs-xid-dev golang-github-rabbitmq-amqp091-go-dev
golang-github-mattn-go-sqlite3-dev golang-github-google-uuid-dev golang-github-sirupsen-logrus-dev golang-go.uber-zap-dev"
dpkg -s $packages >/dev/null 2>&1 || apt-get install -y --no-install-recommends $packages
mkdir -p "$build/bin" "$build/gopath/src" "$out"

rm -rf "$build/gopath/src/notes"
cp -r "$here/go" "$build/gopath/src/notes"
export GO111MODULE=off GOPATH="$build/gopath:/usr/share/gocode" GOCACHE="$build/gocache"
(cd "$build/gopath/src/notes" && nice -n 10 go build -trimpath -o "$build/bin/" ./gateway ./orchestrator ./embedder ./aigateway ./billing ./standin ./load)
CARGO_TARGET_DIR="$build/rust" nice -n 10 cargo build --locked --manifest-path "$here/rust/Cargo.toml"

nice -n 10 python3 "$here/play.py" "$build" "$out" --length "${2:-100}" --seed "${3:-1}"
python3 "$here/assemble.py" "$build" "$out"
