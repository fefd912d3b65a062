"""The side channel of the Python processes: whose work is being done, and which line is whose. The product never sees it."""
import asyncio
import functools
import itertools
import json
import os
import sys
import time
from contextvars import ContextVar

from .side import DIR, emit

KEY, FAULT, PARENT, OUT = (ContextVar(n, default=None) for n in ("lab_key", "lab_fault", "lab_parent", "lab_out"))
_n = itertools.count(1)
NAME = os.environ["LAB_LOG"].removesuffix(".log")


def new_op():
    return f"{NAME}-{os.getpid()}-{next(_n)}"


class Out:
    """Standard output: every write is told first."""
    off = os.fstat(1).st_size

    def __init__(self, real):
        self.real = real

    def write(self, s):
        emit("line", file=os.environ["LAB_LOG"], off=Out.off, lines=s.count("\n"), key=KEY.get())
        b = s.encode()
        Out.off += len(b)
        os.write(self.real.fileno(), b)
        return len(s)

    def flush(self):
        pass

    def __getattr__(self, a):
        return getattr(self.real, a)


def around(start, end, **fields):
    """An async or plain function whose run is an operation."""
    def deco(f, name):
        def begin(a):
            op = new_op()
            if start == "db_start" and OUT.get() is not None:
                OUT.get()["ran"] = True                      # who skips a job writes nothing
            emit(start, op=op, key=KEY.get(), parent=PARENT.get(), name=name(*a), **{k: v(*a) for k, v in fields.items()})
            return op

        @functools.wraps(f)
        async def af(*a, **k):
            if not KEY.get():
                return await f(*a, **k)
            op, ok = begin(a), False
            try:
                r = await f(*a, **k); ok = True
                return r
            finally:
                emit(end, op=op, ok=ok)

        @functools.wraps(f)
        def pf(*a, **k):
            if not KEY.get():
                return f(*a, **k)
            op, ok = begin(a), False
            try:
                r = f(*a, **k); ok = True
                return r
            finally:
                emit(end, op=op, ok=ok)
        return af if asyncio.iscoroutinefunction(f) else pf
    return deco


def db(mod, *names):
    for n in names:
        setattr(mod, n, around("db_start", "db_end")(getattr(mod, n), lambda table, *a: table))


def clients():
    import importlib
    for m in ("httpx", "httpx2"):
        try:
            hx = importlib.import_module(m)
        except ImportError:
            continue

        def one(hx=hx, s=hx.AsyncClient.send):
            async def send(self, request, **kw):
                if not KEY.get():
                    return await s(self, request, **kw)
                request.headers.update({"x-lab-key": KEY.get(), "x-lab-parent": PARENT.get() or "", "x-lab-fault": FAULT.get() or ""})
                if request.url.port not in (9221, 9222):
                    return await s(self, request, **kw)
                op, st = new_op(), {"error": "broken"}
                emit("model_start", op=op, key=KEY.get(), parent=PARENT.get(), model=json.loads(request.content)["model"])
                try:
                    r = await s(self, request, **kw)
                    st = {"status": r.status_code, "rid": r.headers.get("x-request-id") or r.headers.get("request-id"), "id": r.headers.get("x-lab-cid")}
                    return r
                except hx.TimeoutException:
                    st = {"error": "timeout"}; raise
                finally:
                    emit("model_end", op=op, **st)
            hx.AsyncClient.send = send
        one()


def deferring():
    from procrastinate.jobs import JobDeferrer
    f = JobDeferrer.defer_async

    async def defer_async(self, **kw):
        if not KEY.get():
            return await f(self, **kw)
        t = time.time_ns()
        i = await f(self, **kw)
        emit("publish", t=t, task=f"{self.job.queue}:{i}", name=self.job.task_name, key=KEY.get(), parent=PARENT.get())
        p = f"{DIR}/ctx-{i}"
        with open(p + ".tmp", "w") as h:
            json.dump({"key": KEY.get(), "parent": PARENT.get(), "fault": FAULT.get()}, h)
        os.rename(p + ".tmp", p)
        return i
    JobDeferrer.defer_async = defer_async


def enrich():
    from faststream._internal.endpoint.subscriber.usecase import SubscriberUsecase
    from nats.aio.msg import Msg
    consume = SubscriberUsecase.consume

    async def tapped(self, msg):
        ctx = (msg.headers or {}).get("labctx")
        if not ctx:
            return await consume(self, msg)
        c, op, m, out = json.loads(ctx), new_op(), msg.metadata, {"how": None, "ran": False, "exc": None}
        KEY.set(c["key"]); FAULT.set(c["fault"]); PARENT.set(op); OUT.set(out)
        emit("task_start", op=op, key=c["key"], parent=c["parent"], task=msg.headers["message_id"], name=msg.subject.split(".")[1], attempt=m.num_delivered, seq=m.sequence.stream, trace=msg.headers.get("traceparent"))
        try:
            return await consume(self, msg)
        finally:
            emit("task_end", op=op, **out)
    SubscriberUsecase.consume = tapped
    for how in ("ack", "nak", "term"):
        def one(how=how, f=getattr(Msg, how)):
            async def done(self, *a, **k):
                if OUT.get() is not None:
                    e = sys.exc_info()[0]
                    OUT.get().update(how=how, exc=e.__name__ if e else None)
                return await f(self, *a, **k)
            setattr(Msg, how, done)
        one()
    clients(); deferring()
    from enrich import db as pdb, main, models
    db(pdb, "write", "write_many")
    for n, t in (("_clause", "lookup_clause"), ("_obligations", "list_obligations")):
        setattr(models, n, around("tool_start", "tool_end", id=lambda c, x, i: i)(getattr(models, n), lambda *a, t=t: t))
    asyncio.run(main.app.run())


def jobs():
    from procrastinate.worker import Worker
    process, persist = Worker._process_job, Worker._persist_job_status

    async def tapped(self, context):
        job = context.job
        if job.task_name == "prune_digests":
            return await process(self, context)
        p = f"{DIR}/ctx-{job.id}"
        for _ in range(400):
            if os.path.exists(p): break
            await asyncio.sleep(.005)
        c, op, out = json.load(open(p)), new_op(), {}
        KEY.set(c["key"]); FAULT.set(c["fault"]); PARENT.set(op); OUT.set(out)
        emit("task_start", op=op, key=c["key"], parent=c["parent"], task=f"{job.queue}:{job.id}", name=job.task_name, attempt=job.attempts + 1)
        try:
            return await process(self, context)
        finally:
            emit("task_end", op=op, **out)

    async def kept(self, *, job, status, retry_decision, **k):
        if OUT.get() is not None:
            OUT.get().update(how="retry" if retry_decision else {"succeeded": "ack", "failed": "term"}[status.value], ran=True, exc=None)
        return await persist(self, job=job, status=status, retry_decision=retry_decision, **k)
    Worker._process_job, Worker._persist_job_status = tapped, kept
    clients()
    from clausecheck_jobs import tasks, worker
    db(tasks, "write", "write_many")
    worker.run()


def feedback():
    import tornado.web
    sys.path.insert(0, "feedback")
    execute = tornado.web.RequestHandler._execute

    async def tapped(self, *a, **k):
        key = self.request.headers.get("x-lab-key")
        if not key:
            return await execute(self, *a, **k)
        op = new_op()
        KEY.set(key); PARENT.set(op)
        emit("app_start", op=op, key=key, name=f"{self.request.method} {self.request.path}", trace=None)
        try:
            return await execute(self, *a, **k)
        finally:
            emit("app_end", op=op, status=self.get_status(), whole=True, rid=getattr(self, "rid", None))
    tornado.web.RequestHandler._execute = tapped
    import app
    save = around("db_start", "db_end")(app.save, lambda *a: "votes")
    app.save = save
    app.main()


if __name__ == "__main__":
    sys.stdout = Out(sys.stdout)
    {"enrich": enrich, "jobs": jobs, "feedback": feedback}[sys.argv[1]]()
