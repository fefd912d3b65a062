#!/bin/bash
# ./run.sh OUT [SECONDS]: plays the traffic and writes OUT/logs and OUT/truth. Needs Python 3.11 with venv, Node 20, Redis 7, and Debian's ruby-rails,
# ruby-lograge, puma, ruby-sidekiq, ruby-gitlab-sidekiq-fetcher, ruby-faraday and ruby-sqlite3.
set -e
mkdir -p "$1"; cp -r "$(dirname "$0")"/{brain,edge,lab,pantry,table,requirements.txt} "$1"/; cp "$(dirname "$0")"/../lab/* "$1"/lab/; cd "$1"; S=${2:-125}
sed -i "s#@OUT@#$PWD#" edge/envoy.yaml lab/worker_boot.rb table/config/application.rb
[ -d venv ] || { python3 -m venv venv; venv/bin/pip install -q -r requirements.txt; }
[ -d pantry/node_modules ] || (cd pantry; npm install --silent)
set +e
rm -rf logs lab_out run truth table/log; mkdir -p logs lab_out run; chmod 755 . logs
export LAB_DIR=$PWD/lab_out PYTHONUNBUFFERED=1 PYTHONPATH=$PWD RAILS_ENV=production RACK_ENV=production
B=$PWD; P=$B/venv/bin; pids=()
redis-server --port 6390 --bind 127.0.0.1 --save '' --appendonly no --dir run > lab_out/redis.out 2>&1 & pids+=($!)
(cd table; ruby schema.rb) > lab_out/schema.out 2>&1
$P/python -m lab.provider > lab_out/provider.out 2>&1 & pids+=($!)
(cd pantry; exec node -r ../lab/tap.js index.js >> $B/logs/pantry.log 2> $LAB_DIR/pantry.err) & pids+=($!)
$P/uvicorn lab.brain_entry:app --host 127.0.0.1 --port 8820 --log-config lab/uvicorn-none.json >> logs/brain.log 2> lab_out/brain.err & BR=$!
(cd table; LAB_TAP=$B/lab/tap.rb LAB_ROLE=table LAB_LOG=table.log exec puma -C config/puma.rb >> $B/logs/table.log 2> $LAB_DIR/puma.err) & PU=$!
worker() { (cd table; LAB_ROLE=sidekiq LAB_LOG=sidekiq.log exec sidekiq -e production -C config/sidekiq.yml -r ../lab/worker_boot.rb >> $B/logs/sidekiq.log 2> $LAB_DIR/w$1.err) & }
worker 1; W1=$!
worker 2; W2=$!
for p in 8810 8820 8830 8841; do for i in $(seq 60); do (exec 3<>/dev/tcp/127.0.0.1/$p) 2>/dev/null && break; sleep .5; done; done
$P/envoy -c edge/envoy.yaml --concurrency 1 --log-level warning > lab_out/envoy.out 2>&1 & EN=$!
for i in $(seq 60); do (exec 3<>/dev/tcp/127.0.0.1/8800) 2>/dev/null && break; sleep .5; done
sleep 3
$P/python -m lab.load $S & L=$!
while kill -0 $L 2>/dev/null; do
  if [ -e lab_out/kill-now ]; then
    rm lab_out/kill-now; kill -9 $W1; date +%s%N > lab_out/kill.$W1
    sleep 3; worker 3; W1=$!
  fi
  sleep .05
done
sleep ${TAIL:-30}
busy() { redis-cli -p 6390 eval "return redis.call('zcard','retry')+redis.call('zcard','schedule')+redis.call('llen','queue:default')+redis.call('llen','queue:low')+#redis.call('keys','working:*')" 0; }
for i in $(seq 90); do [ "$(busy)" = 0 ] && break; sleep 1; done; sleep 5
kill $W1 $W2 $EN; sleep 6; kill $PU $BR; sleep 2; kill "${pids[@]}"; sleep 1
wc -l logs/*; cat lab_out/*.err lab_out/envoy.out | head -30
[ "$S" -ge 5 ] && $P/python -m lab.build
