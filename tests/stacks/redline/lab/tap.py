"""Measures the product from outside: wraps its entry points, the HTTP client below the OpenAI SDK, its writes, its queue and its log streams."""
import contextlib
import contextvars
import fcntl
import functools
import itertools
import json
import logging
import os
import threading
import time

import httpx2
import redis

from redline import config, db, logs

from .side import emit

KEY = contextvars.ContextVar("lab_key", default=None)       # whose work this is
FAULT = contextvars.ContextVar("lab_fault", default=None)
PARENT = contextvars.ContextVar("lab_parent", default=None)  # operation that encloses it
lab = redis.Redis.from_url(config.REDIS_URL[:-1] + "5", decode_responses=True)
_n = itertools.count(1)
_tls = threading.local()


def new_op(prefix):
    return f"{prefix}-{os.getpid()}-{next(_n)}"


@contextlib.contextmanager
def within(key, parent, fault=None):
    tokens = [(v, v.set(x)) for v, x in ((KEY, key), (PARENT, parent), (FAULT, fault))]
    try:
        yield
    finally:
        for v, t in tokens:
            v.reset(t)


def owner_of(task_id):
    raw = lab.hget("owner", task_id)
    return json.loads(raw) if raw else None


# ---- log lines: who owns the bytes at this offset
class TapFile:
    def __init__(self, f):
        self.f, self.fd, self.name = f, f.fileno(), os.path.basename(f.name)
        self.lock = os.open(os.path.join(os.environ["LAB_DIR"], self.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o644)
        self.mutex = threading.Lock()

    def write(self, text):
        data = text.encode()
        key = KEY.get()
        rec = getattr(_tls, "record", None)
        if key is None and rec is not None:
            ids = [str(getattr(a, "id", a)) for a in (rec.args if isinstance(rec.args, tuple) else ())] + [str(getattr(rec, "task_id", ""))]
            for i in ids:
                if len(i) == 36:
                    own = owner_of(i)
                    if own:
                        key = own["key"]
                        break
        with self.mutex:
            fcntl.flock(self.lock, fcntl.LOCK_EX)
            try:
                off = os.fstat(self.fd).st_size
                emit("line", file=self.name, off=off, len=len(data), key=key)
                os.write(self.fd, data)
            finally:
                fcntl.flock(self.lock, fcntl.LOCK_UN)

    def flush(self):
        pass


def tap_logs():
    opened, handle = logs.open_log, logging.Handler.handle

    def open_log(name):
        return TapFile(opened(name))

    def handled(self, record):
        _tls.record = record
        try:
            return handle(self, record)
        finally:
            _tls.record = None
    logs.open_log, logging.Handler.handle = open_log, handled


# ---- model calls: one event an HTTP attempt, until the body is read
def tap_model_calls(role):
    send = httpx2.Client.send

    @functools.wraps(send)
    def sent(self, request, **kw):
        body = json.loads(request.content or b"{}")
        op, out = new_op(role), {}
        emit("model_start", op=op, key=KEY.get(), parent=PARENT.get(), model=body.get("model"), prompt=(body.get("metadata") or {}).get("prompt_version"))
        if FAULT.get() == "crash":
            lab.rpush("kill", json.dumps({"pid": os.getpid(), "key": KEY.get()}))
        try:
            r = send(self, request, **kw)
            out = {"status": r.status_code, "rid": r.headers.get("x-request-id")}
            try:
                out["id"] = r.json().get("id")
                out["finish"] = r.json()["choices"][0]["finish_reason"]
            except (ValueError, KeyError):
                pass
            return r
        except httpx2.TimeoutException:
            out = {"status": None, "error": "timeout"}
            raise
        except Exception as e:
            out = {"status": None, "error": type(e).__name__}
            raise
        finally:
            emit("model_end", op=op, **out)
    httpx2.Client.send = sent


def tap_sleep():
    sleep = time.sleep

    def slept(s):
        if KEY.get() is None:
            return sleep(s)
        t = time.time_ns()
        sleep(s)
        emit("sleep", key=KEY.get(), parent=PARENT.get(), start=t)
    time.sleep = slept


def tap_writes(role):
    write = db.write

    @contextlib.contextmanager
    def written(table):
        op = new_op(role)
        if KEY.get():
            emit("db_start", op=op, key=KEY.get(), parent=PARENT.get(), table=table)
        ok = False
        try:
            with write(table) as con:
                yield con
            ok = True
        finally:
            if KEY.get():
                emit("db_end", op=op, ok=ok)
    db.write = written


# ---- the queue
def tap_queue(role):
    from redline import tasks
    huey = tasks.huey
    enqueue, execute = huey.enqueue, huey.execute

    def enqueued(task):
        key, fault, own = KEY.get(), FAULT.get(), owner_of(task.id)
        if key and not own:
            lab.hset("owner", task.id, json.dumps({"key": key, "parent": PARENT.get(), "fault": fault}))
        if key or own:
            emit("publish", task=task.id, name=task.name, key=key or own["key"], parent=PARENT.get(), first=own is None)
        r = enqueue(task)
        if fault in ("dup", "dup_late") and not own and role == "app":
            message = huey.serialize_task(task)

            def again():
                emit("duplicate", task=task.id, key=key)
                huey.storage.enqueue(message, task.priority)
            threading.Timer(4 if fault == "dup_late" else 0, again).start()
        return r

    def executed(task, timestamp=None):
        own = owner_of(task.id)
        if not own:
            return execute(task, timestamp)
        op = new_op(role)
        first = lab.hincrby("runs", task.id, 1) == 1
        with within(own["key"], op, own["fault"] if first and own["fault"] == "crash" else None):
            _tls.outcome, _tls.exc = "ok", None
            left = task.retries
            emit("task_start", op=op, key=own["key"], parent=own["parent"], task=task.id, name=task.name, left=left, default=type(task).default_retries)
            value = None
            try:
                value = execute(task, timestamp)
            finally:
                emit("task_end", op=op, outcome="skipped" if value == "skipped" else _tls.outcome, exc=_tls.exc, value=value)
            return value

    def signalled(signal, task, *exc):
        _tls.outcome = "retry" if signal == "retrying" else "error"
        if exc:
            _tls.exc = type(exc[0]).__name__
    huey.enqueue, huey.execute = enqueued, executed
    huey.signal("error", "retrying")(signalled)


# ---- the web app
def wrap_wsgi(app):
    def outer(environ, start_response):
        key = environ.get("HTTP_X_LAB_KEY") or new_op("unkeyed")
        op, seen = new_op("app"), {}
        emit("app_start", op=op, key=key, name=environ["REQUEST_METHOD"] + " " + environ["PATH_INFO"])

        def started(status, headers, *rest):
            seen["status"] = int(status[:3])
            return start_response(status, headers, *rest)
        with within(key, op, environ.get("HTTP_X_LAB_FAULT")):
            try:
                body = app(environ, started)
                return list(body)
            finally:
                emit("app_end", op=op, request_id=environ.get("redline.request_id"), traceparent=environ.get("HTTP_TRACEPARENT"), **seen)
    return outer


def install(role):
    tap_logs()
    tap_model_calls(role)
    tap_sleep()
    tap_writes(role)
    tap_queue(role)
