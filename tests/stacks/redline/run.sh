#!/bin/sh
# Rebuilds everything from nothing: ./run.sh OUT [SECONDS]
# Needs python3 (with venv), caddy and redis-server. ROOT names the folder that the product believes to live in (a link, made and removed here).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
seconds=${2:-90}
work=$(mktemp -d)
root=${ROOT:-$work}
[ "$root" = "$work" ] || ln -s "$work" "$root"
mkdir "$work/app" "$work/logs" "$work/lab"
cp -r "$here/redline" "$here/lab" "$here/Caddyfile" "$work/app"
cp "$here/../lab/side.py" "$work/app/lab"
"${PYTHON:-python3}" -m venv "$root/venv"
"$root/venv/bin/pip" -q install -r "$here/requirements.txt"
export REDLINE_LOG_DIR="$root/logs" REDLINE_DB="$root/redline.db" REDLINE_REDIS=redis://127.0.0.1:6399/0 LAB_DIR="$root/lab"
export TZ=UTC HOME="$root" XDG_DATA_HOME="$root/data" XDG_CONFIG_HOME="$root/config" PYTHONPATH="$root/app" PYTHONDONTWRITEBYTECODE=1
py="$root/venv/bin/python"
cd "$root/app"
pids=
stop() {
	for p in $pids; do kill "$p" 2>/dev/null || true; done
	wait
	pids=
	[ "$root" = "$work" ] || rm -f "$root"
}
trap stop EXIT
redis-server --port 6399 --bind 127.0.0.1 --save '' --dir "$work" --logfile "$REDLINE_LOG_DIR/redis.log" & pids="$!"
sleep 1
"$py" -P -m lab.seed
"$py" -P -m lab.provider A 9101 & pids="$! $pids"
"$py" -P -m lab.provider B 9102 & pids="$! $pids"
"$py" -P -m lab.supervise & workers=$!; pids="$workers $pids"
"$root/venv/bin/gunicorn" --chdir "$root/app" -k gthread -w 2 --threads 12 -b 127.0.0.1:8210 --log-file "$REDLINE_LOG_DIR/gunicorn.log" lab.wsgi:app & web=$!; pids="$web $pids"
sleep 4
caddy run --config Caddyfile --adapter caddyfile 2>/dev/null & edge=$!; pids="$edge $pids"
sleep 2
"$py" -P -m lab.load "$seconds"
sleep 20
for p in $edge $web $workers; do
	kill "$p"
	wait "$p" || true
done
"$py" -P -m lab.build "$work" "$out"
stop
trap - EXIT
echo "raw files: $work" >&2
