#!/bin/bash
# ./run.sh OUT [SECONDS]: plays the traffic and writes OUT/logs and OUT/truth. Needs Python 3.11 with venv, Node 20, HAProxy and redis-server.
set -e
mkdir -p "$1"; cp -r "$(dirname "$0")"/{lab,ledgerly,gateway,haproxy.cfg,requirements.txt} "$1"/; cp "$(dirname "$0")"/../lab/* "$1"/lab/; cd "$1"; S=${2:-90}
[ -d venv ] || { python3 -m venv venv; venv/bin/pip install -q -r requirements.txt; }
[ -d gateway/node_modules ] || (cd gateway; npm install --silent)
set +e
rm -rf logs lab_out db; mkdir -p logs lab_out db
export LAB_DIR=$PWD/lab_out LOG_DIR=$PWD/logs LEDGERLY_DB=$PWD/db/ledgerly.db PYTHONUNBUFFERED=1
P=venv/bin/python; pids=()
redis-server --port 6399 --save '' --dir db --logfile $LOG_DIR/redis.log >/dev/null & pids+=($!)
$P -m lab.syslogd & pids+=($!)
$P -m lab.provider & pids+=($!)
sleep 1
(cd gateway; exec node -r ../lab/tap.js main.js >> $LOG_DIR/gateway.log 2> $LAB_DIR/gw.err) & pids+=($!)
$P -m lab.run app >> logs/app.log 2> lab_out/app.err & pids+=($!)
$P -m lab.run worker >> logs/worker.log 2> lab_out/w1.err & W1=$!
$P -m lab.run worker >> logs/worker.log 2> lab_out/w2.err & W2=$!
sleep 2
/usr/sbin/haproxy -db -f haproxy.cfg 2> lab_out/haproxy.err & pids+=($!)
sleep 1
$P -m lab.load $S & L=$!
while kill -0 $L 2>/dev/null; do
  if [ -e lab_out/kill-now ]; then
    rm lab_out/kill-now; date +%s%N > lab_out/kill.$W1; kill -9 $W1; date +%s%N >> lab_out/kill.$W1
    sleep 2; $P -m lab.run worker >> logs/worker.log 2> lab_out/w3.err & W1=$!
  fi
  sleep .05
done
sleep 30
kill $W1 $W2; sleep 1; kill "${pids[@]}"; wait
wc -l logs/*; cat lab_out/*.err | head -30
venv/bin/python -m lab.build
