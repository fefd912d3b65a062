"""Measures the product from outside. Nothing here writes to a log."""
import asyncio, contextvars, fcntl, functools, itertools, json, logging, os, time
import aiohttp, redis
from aiohttp import web
import aiohttp.web_protocol, aiohttp.web_log
import arq.connections, arq.worker
from ledgerly import store
from .side import emit

KEY, FAULT, PARENT = (contextvars.ContextVar("lab_" + n, default=None) for n in ("key", "fault", "parent"))
lab = redis.Redis(port=6399, db=5, decode_responses=True)
_n = itertools.count(1)
ROLE = "?"


def new_op(p=None):
    return f"{p or ROLE}-{os.getpid()}-{next(_n)}"


def tap_logs(name):
    lock = os.open(os.path.join(os.environ["LAB_DIR"], name + ".lock"), os.O_RDWR | os.O_CREAT, 0o644)
    orig = logging.StreamHandler.emit

    def emitted(self, record):
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            key = getattr(record, "_lab", None) or KEY.get()
            if record.name == "aiohttp.access":
                key = ACCESS.get()
            emit("line", file=name, off=os.fstat(1).st_size, key=key)
            orig(self, record)
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)
    logging.StreamHandler.emit = emitted


ACCESS = contextvars.ContextVar("lab_access", default=None)


def tap_access():
    cls = aiohttp.web_log.AccessLogger
    orig = cls.log

    def logged(self, request, response, t):
        tok = ACCESS.set(request.get("lab_key") if hasattr(request, "get") else None)
        try:
            return orig(self, request, response, t)
        finally:
            ACCESS.reset(tok)
    cls.log = logged


def tap_app():
    handle = web.Application._handle

    async def handled(self, request):
        key = request.headers.get("X-Lab-Key") or new_op("probe")
        op, status = new_op(), None
        request["lab_key"] = key
        KEY.set(key); FAULT.set(request.headers.get("X-Lab-Fault")); PARENT.set(op)
        emit("app_start", op=op, key=key, name=f"{request.method} {request.path}")
        rid = request.headers.get("X-Request-ID")
        try:
            r = await handle(self, request)
            status = r.status
            return r
        except web.HTTPException as e:
            status = e.status
            raise
        finally:
            tp = request.get("traceparent")
            from ledgerly import logs
            emit("app_end", op=op, status=status, rid=rid or logs.rid_var.get(), trace=tp and tp.split("-")[1])
    web.Application._handle = handled


def tap_client():
    orig = aiohttp.ClientSession._request

    async def requested(self, method, url, **kw):
        if KEY.get():
            kw["headers"] = {**(kw.get("headers") or {}), "X-Lab-Key": KEY.get(), "X-Lab-Parent": PARENT.get(), "X-Lab-Fault": FAULT.get() or ""}
        return await orig(self, method, url, **kw)
    aiohttp.ClientSession._request = requested


def tap_writes():
    orig = store.write

    def write(table, *a, **k):
        if not KEY.get():
            return orig(table, *a, **k)
        op, ok = new_op(), False
        emit("db_start", op=op, key=KEY.get(), parent=PARENT.get(), table=table)
        try:
            r = orig(table, *a, **k)
            ok = True
            return r
        finally:
            emit("db_end", op=op, ok=ok)
    store.write = write


def tap_queue():
    enq = arq.connections.ArqRedis.enqueue_job
    import uuid

    async def enqueued(self, function, *args, **kw):
        if KEY.get() and not kw.get("_job_id"):
            kw["_job_id"] = uuid.uuid4().hex                   # as arq itself does it
            await asyncio.to_thread(lab.hset, "owner", kw["_job_id"], json.dumps({"key": KEY.get(), "parent": PARENT.get(), "fault": FAULT.get()}))
            emit("publish", task=kw["_job_id"], name=function, key=KEY.get(), parent=PARENT.get())
        return await enq(self, function, *args, **kw)
    arq.connections.ArqRedis.enqueue_job = enqueued


def tap_worker():
    run = arq.worker.Worker.run_job

    async def run_job(self, job_id, score):
        raw = lab.hget("owner", job_id)
        if not raw:
            return await run(self, job_id, score)
        own = json.loads(raw)
        op = new_op()
        KEY.set(own["key"]); FAULT.set(own["fault"]); PARENT.set(op)
        before = (self.jobs_retried, self.jobs_failed, self.jobs_complete)
        emit("task_start", op=op, key=own["key"], parent=own["parent"], task=job_id)
        state = {}
        STATE.set(state)
        try:
            return await run(self, job_id, score)
        finally:
            emit("task_end", op=op, **state)
    arq.worker.Worker.run_job = run_job
    from ledgerly import worker

    def wrap(fn):
        @functools.wraps(fn)
        async def inner(ctx, *a):
            st = STATE.get()
            st["ran"], st["attempt"], st["name"] = time.time_ns(), ctx["job_try"], fn.__name__
            try:
                r = await fn(ctx, *a)
                st["outcome"] = "ok"
                return r
            except arq.Retry:
                st["outcome"] = "retry"
                raise
            except Exception as e:
                st["outcome"], st["exc"] = "error", str(e)
                raise
        return inner
    worker.WorkerSettings.functions = [wrap(f) for f in worker.WorkerSettings.functions]
    giving = worker.give_up

    async def give_up(ctx, receipt, reason):
        emit("give_up", key=KEY.get(), task=ctx["job_id"], reason=reason)
        return await giving(ctx, receipt, reason)
    worker.give_up = give_up
    # schema failures, seen where pydantic raises
    validate = worker.Extraction.model_validate_json.__func__

    def checked(cls, text, **k):
        try:
            return validate(cls, text, **k)
        except Exception:
            emit("bad_schema", key=KEY.get(), parent=PARENT.get())
            raise
    worker.Extraction.model_validate_json = classmethod(checked)


STATE = contextvars.ContextVar("lab_state", default=None)


def install(role):
    global ROLE
    ROLE = role
    tap_logs("app.log" if role == "app" else "worker.log")
    tap_client(); tap_writes(); tap_queue()
    if role == "app":
        tap_app(); tap_access()
    else:
        tap_worker()
