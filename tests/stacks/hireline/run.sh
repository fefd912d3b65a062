#!/bin/bash
# ./run.sh OUT [SECONDS]: plays the traffic and writes OUT/logs and OUT/truth. Needs Python 3.11 with venv, Node 20, PostgreSQL 15, RabbitMQ 3.10, Apache Traffic
# Server 9.2 (all of Debian 12) and Go 1.21 or newer (requirements.txt brings one). Uses ports 9000-9103. To be run as root.
set -e
mkdir -p "$1"; O=$(cd "$1"; pwd); H=$(cd "$(dirname "$0")"; pwd); S=${2:-120}
[ "$O" = "$H" ] || cp -r "$H"/{api,edge,gateway,lab,worker,schema.sql,requirements.txt} "$O"/; cp "$H"/../lab/* "$O"/lab/
cd "$O"
[ -d venv ] || { python3 -m venv venv; venv/bin/pip install -q -r requirements.txt; }
[ -d api/node_modules ] || (cd api; npm install --silent --no-audit --no-fund)
(cd api; npx tsc -p .)
rm -rf logs lab_out run truth; mkdir -p logs lab_out run/pg run/rabbit
cp lab/lab_gateway.go gateway/; (cd gateway; GOPROXY=off GOTOOLCHAIN=local ../venv/bin/go build -tags lab -o ../run/bin-gateway .); rm gateway/lab_gateway.go
export LAB_DIR=$O/lab_out PYTHONUNBUFFERED=1 PYTHONPATH=$O:$O/worker
export DATABASE_URL=postgres://hire@127.0.0.1:9032/hire BROKER_URL=amqp://guest:guest@127.0.0.1:9072// GATEWAY_URL=http://127.0.0.1:9020/v1
export EMBED_URL=http://127.0.0.1:9101/v1 CRM_URL=http://127.0.0.1:9103/hooks/candidates PRIMARY_URL=http://127.0.0.1:9101 BACKUP_URL=http://127.0.0.1:9102
P=$O/venv/bin; pids=()
wait_port() { for i in $(seq 120); do (exec 3<>/dev/tcp/127.0.0.1/$1) 2>/dev/null && return; sleep .5; done; echo "port $1 stays shut"; }
set +e
chown postgres run/pg; chown rabbitmq run/rabbit; chmod 755 "$O" run
su postgres -c "initdb -D $O/run/pg -A trust -U hire" > lab_out/pg.out 2>&1
su postgres -c "exec postgres -D $O/run/pg -p 9032 -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off" >> lab_out/pg.out 2>&1 & pids+=($!)
wait_port 9032; sleep 1; psql -q "postgres://hire@127.0.0.1:9032/postgres" -c 'create database hire'; psql -q "$DATABASE_URL" -f schema.sql > /dev/null
export RABBITMQ_NODENAME=hire@localhost RABBITMQ_NODE_PORT=9072 RABBITMQ_DIST_PORT=9073 RABBITMQ_MNESIA_BASE=$O/run/rabbit RABBITMQ_LOG_BASE=$O/run/rabbit RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_PID_FILE=$O/run/rabbit/pid RABBITMQ_ENABLED_PLUGINS_FILE=$O/run/rabbit/plugins
rabbitmq-server > lab_out/rabbit.out 2>&1 & RB=$!
$P/python -m lab.provider > lab_out/provider.out 2>&1 & pids+=($!)
PORT=9020 TZ=Europe/Berlin run/bin-gateway >> logs/gateway.log 2> lab_out/gateway.err & GW=$!
wait_port 9072; sleep 2
(cd api; PORT=9010 exec node -r ../lab/tap.js dist/main.js >> $O/logs/api.log 2>&1) & API=$!
worker() { LAB_LOG=worker-$1.log setsid $P/celery -A lab.worker_entry:app worker -Q cv,match,crm -c 3 -n w$1@hireline -l INFO >> logs/worker-$1.log 2>&1 & }
worker 1; W1=$!
worker 2; W2=$!
$P/celery -A hireline.app beat -s run/beat -l INFO --pidfile= >> logs/beat.log 2>&1 & BT=$!
edge/start.sh "$O" > lab_out/ats.out 2>&1 & ATS=$!
wait_port 9010; wait_port 9000; sleep 6
$P/python -m lab.load $S & L=$!
while kill -0 $L 2>/dev/null; do
  if [ -e lab_out/kill-now ]; then
    rm lab_out/kill-now; G=$(ps -o pid= -g $W1); kill -9 $G; T=$(date +%s%N); for p in $G; do echo $T > lab_out/kill.$p; done
    sleep 3; worker 1; W1=$!
  fi
  sleep .05
done
sleep ${TAIL:-20}
busy() { su rabbitmq -s /bin/sh -c "RABBITMQ_NODENAME=$RABBITMQ_NODENAME rabbitmqctl -q list_queues messages" 2>/dev/null | awk '/^[0-9]/{s+=$1} END{print s+0}'; }
for i in $(seq 30); do [ "$(busy)" = 0 ] && break; sleep 2; done; sleep 3
kill $BT; kill $W1 $W2; sleep 4; kill $API $GW; sleep 3; kill $ATS; sleep 3
kill "${pids[@]}"; kill $(cat run/rabbit/pid 2>/dev/null) $RB 2>/dev/null; su postgres -c "pg_ctl -D $O/run/pg -m fast stop" > /dev/null 2>&1 || kill $(head -1 run/pg/postmaster.pid 2>/dev/null) 2>/dev/null
cp run/atslogs/edge-access.log logs/edge-access.log; cp run/atslogs/side-edge.log lab_out/edge.tsv
wc -l logs/*; cat lab_out/*.err | head -20
[ "$S" -ge 5 ] && $P/python -m lab.build
