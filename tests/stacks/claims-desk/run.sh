#!/bin/sh
# run.sh OUT [SECONDS]: builds what is missing, plays, writes OUT/logs and OUT/truth.
set -e
out=$(realpath -m "$1") seconds=${2:-120}
cd "$(dirname "$0")"
[ -d node_modules ] || npm install --silent
[ -d venv ] || { python3 -m venv venv && venv/bin/pip -q install -r requirements.txt; }
rm -rf build "$out"
mkdir -p build "$out"
chmod 755 build
nice -n 5 venv/bin/python lab/play.py "$PWD/build" "$seconds"
venv/bin/python lab/assemble.py build "$out"
