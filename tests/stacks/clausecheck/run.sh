#!/bin/bash
# ./run.sh OUT [SECONDS]: plays the traffic and writes OUT/logs and OUT/truth. Needs Python 3.11 with venv, Node 20, PostgreSQL 15, Varnish 7.1 and nats-server 2.9
# (of Debian 12); requirements.txt and api/package.json bring the rest. Uses ports 9200-9232. To be run as root.
mkdir -p "$1"; O=$(cd "$1"; pwd); H=$(cd "$(dirname "$0")"; pwd); S=${2:-120}
[ "$O" = "$H" ] || cp -r "$H"/{api,edge,enrich,feedback,jobs,lab,schema.sql,requirements.txt} "$O"/; cp "$H"/../lab/* "$O"/lab/
cd "$O"
[ -d venv ] || { python3 -m venv venv; venv/bin/pip install -q -r requirements.txt; }
[ -d api/node_modules ] || (cd api; npm install --silent --no-audit --no-fund)
rm -rf logs lab_out run truth; mkdir -p logs lab_out run/pg run/varnish
export LAB_DIR=$O/lab_out PYTHONUNBUFFERED=1 PYTHONPATH=$O:$O/enrich:$O/jobs TZ=UTC
export DATABASE_URL=postgres://clause@127.0.0.1:9232/clause NATS_URL=nats://127.0.0.1:9230 OPENAI_BASE_URL=http://127.0.0.1:9221/v1 ANTHROPIC_BASE_URL=http://127.0.0.1:9222/v1 ANTHROPIC_API_URL=http://127.0.0.1:9222
export MAILER_URL=http://127.0.0.1:9223/send FEEDBACK_DB=$O/run/feedback.sqlite
P=$O/venv/bin; PG=/usr/lib/postgresql/15/bin; pids=()
wait_port() { for i in $(seq 100); do (exec 3<>/dev/tcp/127.0.0.1/$1) 2>/dev/null && return; sleep .3; done; echo "port $1 stays shut"; }
chown postgres run/pg; chmod 755 "$O" run
su postgres -c "$PG/initdb -D $O/run/pg -A trust -U clause" > lab_out/pg.out 2>&1
su postgres -c "exec $PG/postgres -D $O/run/pg -p 9232 -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c shared_buffers=32MB" >> lab_out/pg.out 2>&1 & PGP=$!
nats-server -a 127.0.0.1 -p 9230 -js -sd run/nats > lab_out/nats.out 2>&1 & pids+=($!)
$P/python -m lab.provider > lab_out/provider.out 2>&1 & pids+=($!)
wait_port 9232; sleep 1; psql -q "postgres://clause@127.0.0.1:9232/postgres" -c 'create database clause'; psql -q "$DATABASE_URL" -f schema.sql > /dev/null
$P/procrastinate --app clausecheck_jobs.tasks.app schema --apply > lab_out/schema.out 2>&1
wait_port 9230
(cd api; PORT=9210 exec node -r ../lab/tap.cjs src/main.js >> $O/logs/api.log 2>&1) & API=$!
wait_port 9210
py() { LAB_LOG=$2.log PORT=9215 $P/python -m lab.tap $1 >> logs/$2.log 2>> lab_out/$2.err & }
py enrich enrich-1; E1=$!
py enrich enrich-2; E2=$!
py jobs jobs; JB=$!
py feedback feedback; FB=$!
varnishd -F -n $O/run/varnish -a 127.0.0.1:9200 -f $O/edge/default.vcl -s malloc,64m -j none -p thread_pool_min=20 -p thread_pool_max=200 > lab_out/varnish.out 2>&1 & VN=$!
wait_port 9200; sleep 1
varnishncsa -n $O/run/varnish -j -f edge/access.format -w logs/edge-access.log & N1=$!
varnishncsa -n $O/run/varnish -F '%{Varnish:vxid}x|%{X-Lab-Key}i|%D|%s' -w lab_out/edge.tsv & N2=$!
wait_port 9215; sleep 3
$P/python -m lab.load $S > lab_out/load.out 2>&1 & L=$!
while kill -0 $L 2>/dev/null; do
  if [ -e lab_out/kill-now ]; then
    rm lab_out/kill-now; kill -9 $E1; echo $(date +%s%N) > lab_out/kill.$E1; sleep 3; py enrich enrich-1; E1=$!
  fi
  sleep .05
done
sleep ${TAIL:-8}
busy() { psql -qtA "$DATABASE_URL" -c "select (select count(*) from jobs where status not in ('done', 'failed')) + (select count(*) from procrastinate_jobs where status in ('todo', 'doing') and task_name <> 'prune_digests')"; }
for i in $(seq 60); do [ "$(busy)" = 0 ] && break; sleep 1; done; echo "left over: $(busy)"; sleep 5
kill $E1 $E2 $JB $API $FB; sleep 5; kill $N1 $N2; sleep 1; kill $VN; kill "${pids[@]}"; kill -INT $(head -1 run/pg/postmaster.pid); sleep 2
for p in $E1 $E2 $JB $API $FB $N1 $N2 $VN "${pids[@]}" $PGP; do kill -0 $p 2>/dev/null && { echo "still there: $p"; kill -9 $p; }; done
wc -l logs/*; cat lab_out/*.err lab_out/load.out | tail -20
[ "$S" -ge 5 ] && $P/python -m lab.build
