#!/bin/bash
# ./run.sh OUT [SECONDS]: plays the traffic and writes OUT/logs and OUT/truth. Run as root; needs Python 3.11 with venv, Node 20, Rust, Apache httpd 2.4,
# RabbitMQ 3.10 and PostgreSQL 15.
set -e
mkdir -p "$1"; cp -r "$(dirname "$0")"/{clauselight,edge,lab,modelgate,notifier,requirements.txt,schema.sql} "$1"/; cp "$(dirname "$0")"/../lab/* "$1"/lab/; cd "$1"; S=${2:-110}
sed -i "s#@OUT@#$PWD#" edge/httpd.conf
[ -d venv ] || { python3 -m venv venv; venv/bin/pip install -q -r requirements.txt; }
[ -d notifier/node_modules ] || (cd notifier; npm install --silent)
cargo build --release -q --manifest-path modelgate/Cargo.toml --target-dir target
set +e
export PATH=$PATH:/usr/lib/postgresql/15/bin
rm -rf logs lab_out run pg rmq truth; mkdir -p logs lab_out run pg rmq; chmod 755 . logs
export LAB_DIR=$PWD/lab_out LOG_DIR=$PWD/logs PYTHONUNBUFFERED=1 PYTHONPATH=$PWD DATABASE_URL=postgresql://postgres@127.0.0.1:5499/clauselight
P=venv/bin; pids=()
chown postgres pg; chown rabbitmq rmq
su postgres -s /bin/bash -c "/usr/lib/postgresql/15/bin/initdb -D $PWD/pg -A trust >/dev/null && /usr/lib/postgresql/15/bin/pg_ctl -D $PWD/pg -o '-p 5499 -k /tmp -c listen_addresses=127.0.0.1' -l $PWD/pg/server.log -w start" >/dev/null
RABBITMQ_NODENAME=clauselight@localhost RABBITMQ_NODE_PORT=5673 RABBITMQ_DIST_PORT=25699 RABBITMQ_MNESIA_BASE=$PWD/rmq RABBITMQ_LOG_BASE=$PWD/rmq RABBITMQ_PID_FILE=$PWD/rmq/pid setsid rabbitmq-server > lab_out/rmq.out 2>&1 & RMQ=$!
psql -q -h 127.0.0.1 -p 5499 -U postgres -c 'create database clauselight'
psql -q -h 127.0.0.1 -p 5499 -U postgres clauselight -f schema.sql
(cd notifier; npx graphile-worker -c $DATABASE_URL --schema-only >/dev/null 2>&1)
for i in $(seq 60); do (exec 3<>/dev/tcp/127.0.0.1/5673) 2>/dev/null && break; sleep .5; done; sleep 1
[ -s rmq/pid ] || { echo 'RabbitMQ did not start'; exit 1; }
$P/python -m lab.provider & pids+=($!)
target/release/modelgate >> logs/modelgate.log 2> lab_out/gw.err & pids+=($!)
(cd notifier; exec node -r ../lab/tap.js main.js >> $LOG_DIR/notifier.log 2> $LAB_DIR/node.err) & pids+=($!)
worker() { TZ=Europe/Berlin setsid $P/dramatiq lab.worker_entry --processes 1 --threads 4 > lab_out/w$1.out 2>&1 & }
worker 1; W1=$!
worker 2; W2=$!
$P/uvicorn lab.app_entry:app --host 127.0.0.1 --port 8710 --workers 2 --no-access-log >> logs/app.log 2> lab_out/app.err & pids+=($!)
sleep 5
$P/python -m clauselight.scheduler > lab_out/sched.out 2>&1 & pids+=($!)
/usr/sbin/apache2 -f $PWD/edge/httpd.conf -DFOREGROUND > lab_out/apache.out 2>&1 & AP=$!
sleep 2
$P/python -m lab.load $S & L=$!
while kill -0 $L 2>/dev/null; do
  if [ -e lab_out/kill-now ]; then
    rm lab_out/kill-now; ps=$(pgrep -g $W1); kill -9 -- -$W1; t=$(date +%s%N)
    for p in $ps; do echo $t > lab_out/kill.$p; done
    sleep 2; worker 3; W1=$!
  fi
  sleep .05
done
sleep ${TAIL:-25}
kill $W1 $W2; kill $AP; sleep 4; kill "${pids[@]}"; sleep 2
su postgres -s /bin/bash -c "/usr/lib/postgresql/15/bin/pg_ctl -D $PWD/pg -m fast stop" >/dev/null
rabbitmqctl -q -n clauselight@localhost shutdown > lab_out/rmq.stop 2>&1; sleep 2
cp rmq/clauselight@localhost.log logs/rabbitmq.log; chown root logs/*
wc -l logs/*; cat lab_out/*.err lab_out/apache.out | head -30
[ "$S" -ge 5 ] && $P/python -m lab.build
