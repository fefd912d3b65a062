#!/bin/bash
# ./run.sh OUT [SECONDS]: plays the traffic and writes OUT/logs and OUT/truth. Needs Python 3.11, Node 20, Go 1.21 or later (GO=…), PostgreSQL 15 and Redis 7;
# requirements.txt, gateway/package.json and api/go.mod bring the rest. Uses ports 9700-9732. To be run as root.
mkdir -p "$1"; O=$(cd "$1"; pwd); H=$(cd "$(dirname "$0")"; pwd); S=${2:-100}
[ "$O" = "$H" ] || cp -r "$H"/{gateway,api,castworker,studio,lab,schema.sql,requirements.txt} "$O"/; cp "$H"/../lab/* "$O"/lab/
cd "$O"
[ -d venv ] || { python3.11 -m venv venv; venv/bin/pip install -q -r requirements.txt; }
[ -d gateway/node_modules ] || (cd gateway; npm install --silent --no-audit --no-fund)
cp lab/tap.go api/zz_lab.go; (cd api; ${GO:-go} build -mod=mod -tags lab -o ../lab_api .) || exit 1; rm api/zz_lab.go
rm -rf logs lab_out run truth; mkdir -p logs lab_out run/pg run/redis
export LAB_DIR=$O/lab_out PYTHONUNBUFFERED=1 PYTHONPATH=$O TZ=UTC NODE_ENV=production
export DATABASE_URL=postgresql://castnotes@127.0.0.1:9732/castnotes OPENAI_BASE_URL=http://127.0.0.1:9721/v1 ANTHROPIC_BASE_URL=http://127.0.0.1:9722
DATABASE_URL="$DATABASE_URL?sslmode=disable"
export REDIS_URL=redis://127.0.0.1:9730/0 REDIS_ADDR=127.0.0.1:9730 FEED_URL=http://127.0.0.1:9723/feeds OPENAI_API_KEY=sk-x ANTHROPIC_API_KEY=sk-y
P=$O/venv/bin; PG=/usr/lib/postgresql/15/bin; pids=(); PSQL=postgres://castnotes@127.0.0.1:9732
wait_port() { for i in $(seq 100); do (exec 3<>/dev/tcp/127.0.0.1/$1) 2>/dev/null && return; sleep .3; done; echo "port $1 stays shut"; }
chown postgres run/pg; chmod 755 "$O" run
su postgres -c "$PG/initdb -D $O/run/pg -A trust -U castnotes" > lab_out/pg.out 2>&1
su postgres -c "exec $PG/postgres -D $O/run/pg -p 9732 -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c shared_buffers=32MB" >> lab_out/pg.out 2>&1 & PGP=$!
redis-server --port 9730 --bind 127.0.0.1 --save '' --dir run/redis > lab_out/redis.out 2>&1 & pids+=($!)
$P/python -m lab.provider > lab_out/provider.out 2>&1 & pids+=($!)
wait_port 9732; sleep 1; psql -q "$PSQL/postgres" -c 'create database castnotes'; psql -q "$PSQL/castnotes" -f schema.sql > /dev/null
py() { LAB_LOG=$2.log WORKER_NAME=$2 $P/python -m lab.tap $1 >> logs/$2.log 2>> lab_out/$2.err & }
wait_port 9730; wait_port 9721
LAB_LOG=api.log ./lab_api >> logs/api.log 2> lab_out/api.err & API=$!
py studio studio; PK=$!
wait_port 9710
py worker worker-1; W1=$!
py worker worker-2; W2=$!
wait_port 9715
node gateway/server.js >> logs/gateway.log 2> lab_out/gateway.err & ED=$!
wait_port 9700; for i in $(seq 60); do grep -q "worker up" logs/worker-1.log && grep -q "worker up" logs/worker-2.log && break; sleep .5; done
$P/python -m lab.load $S > lab_out/load.out 2>&1 & L=$!
while kill -0 $L 2>/dev/null; do
  if [ -e lab_out/kill-now ]; then
    rm lab_out/kill-now; kill -9 $W1; echo $(date +%s%N) > lab_out/kill.$W1; sleep 3; py worker worker-1; W1=$!
  fi
  sleep .05
done
sleep ${TAIL:-4}
busy() { for k in $(redis-cli -p 9730 --scan --pattern 'job:*'); do redis-cli -p 9730 hget $k state; done | grep -c -v -e done -e failed; }
for i in $(seq 45); do [ "$(busy)" = 0 ] && break; sleep 1; done; echo "left over: $(busy)"; sleep 3
kill $W1 $W2 $API $PK; sleep 4; kill $ED; kill "${pids[@]}"; kill -INT $(head -1 run/pg/postmaster.pid); sleep 2
for p in $W1 $W2 $API $PK $ED "${pids[@]}" $PGP; do kill -0 $p 2>/dev/null && { echo "still there: $p"; kill -9 $p; }; done
wc -l logs/*; cat lab_out/*.err lab_out/load.out | tail -30
[ "${S%.*}" -ge 30 ] && $P/python -m lab.build
