#!/bin/bash
# ./run.sh OUT [SECONDS]: plays the traffic and writes OUT/logs and OUT/truth. Needs Python 3.11, Node 20, PostgreSQL 15, Redis 7 and nginx (Debian 12's nginx-light);
# requirements.txt and app/package.json bring the rest. Uses ports 9400-9432. To be run as root.
mkdir -p "$1"; O=$(cd "$1"; pwd); H=$(cd "$(dirname "$0")"; pwd); S=${2:-100}
[ "$O" = "$H" ] || cp -r "$H"/{app,edge,lunch,lab,schema.sql,requirements.txt} "$O"/; cp "$H"/../lab/* "$O"/lab/
cd "$O"
[ -d venv ] || { python3.11 -m venv venv; venv/bin/pip install -q -r requirements.txt; }
[ -d app/node_modules ] || (cd app; npm install --silent --no-audit --no-fund)
rm -rf logs lab_out run truth; mkdir -p logs lab_out run/pg run/redis
export LAB_DIR=$O/lab_out PYTHONUNBUFFERED=1 PYTHONPATH=$O TZ=UTC NODE_ENV=production
export DATABASE_URL=postgres://pactum@127.0.0.1:9432/pactum REDIS_URL=redis://127.0.0.1:9430/0 OPENAI_BASE_URL=http://127.0.0.1:9421/v1 ANTHROPIC_BASE_URL=http://127.0.0.1:9422
export WEBHOOK_URL=http://127.0.0.1:9423/hooks OPENAI_API_KEY=sk-x ANTHROPIC_API_KEY=sk-y
P=$O/venv/bin; PG=/usr/lib/postgresql/15/bin; pids=(); PSQL=postgres://pactum@127.0.0.1:9432
wait_port() { for i in $(seq 100); do (exec 3<>/dev/tcp/127.0.0.1/$1) 2>/dev/null && return; sleep .3; done; echo "port $1 stays shut"; }
chown postgres run/pg; chmod 755 "$O" run
su postgres -c "$PG/initdb -D $O/run/pg -A trust -U pactum" > lab_out/pg.out 2>&1
su postgres -c "exec $PG/postgres -D $O/run/pg -p 9432 -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c shared_buffers=32MB" >> lab_out/pg.out 2>&1 & PGP=$!
redis-server --port 9430 --bind 127.0.0.1 --save '' --dir run/redis > lab_out/redis.out 2>&1 & pids+=($!)
$P/python -m lab.provider > lab_out/provider.out 2>&1 & pids+=($!)
wait_port 9432; sleep 1; psql -q "$PSQL/postgres" -c 'create database pactum'; psql -q "$PSQL/pactum" -f schema.sql > /dev/null
wait_port 9430; redis-cli -p 9430 set bq:contracts:id 348211 > /dev/null
js() { (cd app; LAB_LOG=$2.log HOSTNAME=$2 exec node -r ../lab/tap.cjs $1.js >> $O/logs/$2.log 2>> $O/lab_out/$2.err) & }
js api api; API=$!
js worker worker-a; W1=$!
js worker worker-b; W2=$!
LAB_LOG=lunch.log $P/python -m lab.tap >> logs/lunch.log 2>> lab_out/lunch.err & LU=$!
wait_port 9410; wait_port 9415
nginx -p "$O/" -c edge/nginx.conf > lab_out/nginx.out 2>&1 & NG=$!
wait_port 9400; for i in $(seq 60); do grep -q "worker ready" logs/worker-a.log && grep -q "worker ready" logs/worker-b.log && break; sleep .5; done
$P/python -m lab.load $S > lab_out/load.out 2>&1 & L=$!
while kill -0 $L 2>/dev/null; do
  if [ -e lab_out/kill-now ]; then
    rm lab_out/kill-now; kill -9 $W1; echo $(date +%s%N) > lab_out/kill.$W1; sleep 3; js worker worker-a; W1=$!
  fi
  sleep .05
done
sleep ${TAIL:-4}
busy() { for k in waiting active; do redis-cli -p 9430 llen bq:contracts:$k; done | paste -sd+ | sed "s/$/+$(redis-cli -p 9430 zcard bq:contracts:delayed)/" | bc; }
for i in $(seq 45); do [ "$(busy)" = 0 ] && break; sleep 1; done; echo "left over: $(busy)"; sleep 3
kill $W1 $W2 $API $LU; sleep 4; kill -QUIT $NG; sleep 1; kill "${pids[@]}"; kill -INT $(head -1 run/pg/postmaster.pid); sleep 2
for p in $W1 $W2 $API $LU $NG "${pids[@]}" $PGP; do kill -0 $p 2>/dev/null && { echo "still there: $p"; kill -9 $p; }; done
wc -l logs/*; cat lab_out/*.err lab_out/load.out | tail -30
[ "${S%.*}" -ge 30 ] && $P/python -m lab.build
