import json, logging, threading, time
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool
from . import settings

log = logging.getLogger("clauselight.store")
_pool, _lock = None, threading.Lock()


def pool():
    global _pool
    with _lock:
        if _pool is None:
            _pool = ConnectionPool(settings.DATABASE_URL, min_size=2, max_size=8, open=True, kwargs={"autocommit": True, "row_factory": dict_row})
    return _pool


def read(sql, args=()):
    with pool().connection() as con:
        return con.execute(sql, args).fetchall()


def write(table, sql, args=()):
    t = time.perf_counter()
    with pool().connection() as con:
        cur = con.execute(sql, args)
        row = cur.fetchone() if cur.description else None
    ms = (time.perf_counter() - t) * 1000
    log.info("db write", extra={"table": table, "rows": cur.rowcount, "duration_ms": round(ms, 2)})
    return row["id"] if row else None


def add_job(task, payload, max_attempts=3):
    """Hands a job to the notifier (graphile-worker)."""
    with pool().connection() as con:
        row = con.execute("select id from graphile_worker.add_job(%s, %s::json, max_attempts => %s)", (task, json.dumps(payload), max_attempts)).fetchone()
    return row["id"]
