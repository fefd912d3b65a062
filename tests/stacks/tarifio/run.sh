#!/bin/bash
# ./run.sh OUT [SECONDS]: plays the traffic and writes OUT/logs and OUT/truth. Needs Python 3.11, Node 20, Go 1.22 or later (GO=…) and PostgreSQL 15;
# requirements.txt and worker/package.json bring the rest. Uses ports 9600-9632. To be run as root.
mkdir -p "$1"; O=$(cd "$1"; pwd); H=$(cd "$(dirname "$0")"; pwd); S=${2:-100}
[ "$O" = "$H" ] || cp -r "$H"/{tarifio,edge,worker,toolshed,lab,schema.sql,requirements.txt} "$O"/; cp "$H"/../lab/* "$O"/lab/
cd "$O"
[ -d venv ] || { python3.11 -m venv venv; venv/bin/pip install -q -r requirements.txt; }
[ -d worker/node_modules ] || (cd worker; npm install --silent --no-audit --no-fund)
[ -x edge/edge ] || (cd edge; ${GO:-go} build -o edge .)
rm -rf logs lab_out run truth; mkdir -p logs lab_out run/pg
export LAB_DIR=$O/lab_out PYTHONUNBUFFERED=1 PYTHONPATH=$O TZ=UTC NODE_ENV=production
export DATABASE_URL=postgresql://tarifio@127.0.0.1:9632/tarifio OPENAI_BASE_URL=http://127.0.0.1:9621/v1 ANTHROPIC_BASE_URL=http://127.0.0.1:9622
export CUSTOMS_URL=http://127.0.0.1:9623/declarations OPENAI_API_KEY=sk-x ANTHROPIC_API_KEY=sk-y
P=$O/venv/bin; PG=/usr/lib/postgresql/15/bin; pids=(); PSQL=postgres://tarifio@127.0.0.1:9632
wait_port() { for i in $(seq 100); do (exec 3<>/dev/tcp/127.0.0.1/$1) 2>/dev/null && return; sleep .3; done; echo "port $1 stays shut"; }
chown postgres run/pg; chmod 755 "$O" run
su postgres -c "$PG/initdb -D $O/run/pg -A trust -U tarifio" > lab_out/pg.out 2>&1
su postgres -c "exec $PG/postgres -D $O/run/pg -p 9632 -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c shared_buffers=32MB" >> lab_out/pg.out 2>&1 & PGP=$!
$P/python -m lab.provider > lab_out/provider.out 2>&1 & pids+=($!)
wait_port 9632; sleep 1; psql -q "$PSQL/postgres" -c 'create database tarifio'; psql -q "$PSQL/tarifio" -f schema.sql > /dev/null
py() { LAB_LOG=$2.log $P/python -m lab.tap $1 >> logs/$2.log 2>> lab_out/$2.err & }
js() { (cd worker; LAB_LOG=$1.log WORKER_NAME=$1 exec node -r ../lab/tap.cjs index.js >> $O/logs/$1.log 2>> $O/lab_out/$1.err) & }
py api api; API=$!
py toolshed toolshed; PK=$!
wait_port 9610
js worker-a; W1=$!
js worker-b; W2=$!
wait_port 9615
edge/edge >> logs/lb.log 2> lab_out/edge.err & ED=$!
wait_port 9600; for i in $(seq 60); do grep -q "worker ready" logs/worker-a.log && grep -q "worker ready" logs/worker-b.log && break; sleep .5; done
$P/python -m lab.load $S > lab_out/load.out 2>&1 & L=$!
while kill -0 $L 2>/dev/null; do
  if [ -e lab_out/kill-now ]; then
    rm lab_out/kill-now; kill -9 $W1; echo $(date +%s%N) > lab_out/kill.$W1; sleep 3; js worker-a; W1=$!
  fi
  sleep .05
done
sleep ${TAIL:-4}
busy() { psql -qtA "$PSQL/tarifio" -c "select count(*) from queue_jobs where state not in ('done', 'dead')"; }
for i in $(seq 45); do [ "$(busy)" = 0 ] && break; sleep 1; done; echo "left over: $(busy)"; sleep 3
kill $W1 $W2 $API $PK; sleep 4; kill $ED; kill "${pids[@]}"; kill -INT $(head -1 run/pg/postmaster.pid); sleep 2
for p in $W1 $W2 $API $PK $ED "${pids[@]}" $PGP; do kill -0 $p 2>/dev/null && { echo "still there: $p"; kill -9 $p; }; done
wc -l logs/*; cat lab_out/*.err lab_out/load.out | tail -30
[ "${S%.*}" -ge 30 ] && $P/python -m lab.build
