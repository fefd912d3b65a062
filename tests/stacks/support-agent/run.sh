#!/bin/sh
# Rebuilds logs and truth from nothing: run.sh [OUT]. Needs Node 20, npm, Python 3 and redis-server; takes about two minutes.
# BASE_PORT (7410, five ports from there), RUN_SECONDS (75) and SEED (11) may be set. KEEP=1 keeps the raw records of the side channel.
set -e
OUT=${1:-$(dirname "$0")/out}
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
cd "$(dirname "$0")"
RUN=$(mktemp -d)
[ -d node_modules ] || npm install --no-audit --no-fund --no-package-lock
rm -rf "$OUT/logs" "$OUT/truth"
node drive.js "$OUT" "$RUN"
python3 truth/collect.py --raw "$RUN/truth" --out "$OUT"
cat "$RUN"/api-*.err "$RUN"/worker-*.err "$RUN"/provider.err "$RUN"/vectors.err
if [ "$KEEP" ]; then echo "raw records: $RUN"; else rm -rf "$RUN"; fi
