"""The side channel of the Python processes (workers and studio): whose work is being done, and which line is whose. The product never sees it."""
import asyncio
import itertools
import json
import os
import re
import sys
import time
from contextvars import ContextVar

from .side import DIR, emit

KEY, FAULT, PARENT = (ContextVar(n, default=None) for n in ("lab_key", "lab_fault", "lab_parent"))
_n = itertools.count(1)
NAME = os.environ["LAB_LOG"].removesuffix(".log")
os.makedirs(os.path.join(DIR, "rid"), exist_ok=True)


def new_op():
    return f"{NAME}-{os.getpid()}-{next(_n)}"


class Out:
    """Standard output: every write is told first."""
    off = os.fstat(1).st_size

    def __init__(self, real):
        self.real, self.begun = real, ""

    def write(self, s):
        n = len(s)
        self.begun += s
        if not s.endswith("\n"):
            return n
        s, self.begun = self.begun, ""
        emit("line", file=os.environ["LAB_LOG"], off=Out.off, lines=s.count("\n"), key=KEY.get())
        b = s.encode()
        Out.off += len(b)
        os.write(self.real.fileno(), b)
        return n

    def flush(self):
        pass

    def __getattr__(self, a):
        return getattr(self.real, a)


def database():
    from castworker import db
    w = re.compile(r"(?:insert into|update|delete from) (\w+)", re.I)
    run = db.execute

    async def tapped(con, sql, args):
        if not KEY.get():
            return await run(con, sql, args)
        op, ok = new_op(), False
        emit("db_start", op=op, key=KEY.get(), parent=PARENT.get(), table=w.match(sql)[1])
        try:
            r = await run(con, sql, args); ok = True
            return r
        finally:
            emit("db_end", op=op, ok=ok)
    db.execute = tapped


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
                op, st = new_op(), {"error": "broken"}
                emit("model_start", op=op, key=KEY.get(), parent=PARENT.get(), model=json.loads(request.content)["model"])
                try:
                    r = await s(self, request, **kw)
                    st = {"status": r.status_code, "rid": r.headers.get("x-request-id") or r.headers.get("request-id"), "id": r.headers.get("x-lab-cid")}
                    return r
                except hx.TimeoutException:
                    st = {"error": "timeout"}; raise
                except asyncio.CancelledError:
                    st = {"error": "cancelled"}; raise
                finally:
                    emit("model_end", op=op, **st)
            hx.AsyncClient.send = send
        one()


def worker():
    from castworker import db, jobs, main, queue, tools
    clients(); database()
    put, run, look = queue.put, jobs.run, tools.run

    async def told_put(job_id, kind, payload):
        t = time.time_ns()
        await put(job_id, kind, payload)
        emit("publish", t=t, task=job_id, name=kind, key=KEY.get(), parent=PARENT.get())
    queue.put = told_put

    async def looked_up(name, args, call_id):
        op, ok = new_op(), False
        emit("tool_start", op=op, key=KEY.get(), parent=PARENT.get(), name=name, id=call_id)
        try:
            r = await look(name, args, call_id); ok = True
            return r
        finally:
            emit("tool_end", op=op, ok=ok)
    tools.run = looked_up
    jobs.feed_headers = lambda: {"Accept": "application/json", "x-lab-key": KEY.get(), "x-lab-fault": FAULT.get()}

    async def again(job, ms):
        await asyncio.sleep(ms / 1000)
        emit("doubled", task=job["id"])
        await queue.r.xadd(queue.STREAM, {"job": job["id"], "kind": job["kind"], "payload": json.dumps(job["payload"]), "sent": int(time.time() * 1000)})

    async def tapped(job):
        t = time.time_ns()
        c = json.load(open(os.path.join(DIR, "rid", job["payload"]["req_id"])))
        d = re.search(r"D=(\d+)", c["fault"])
        if d and job["kind"] == "summarize" and job["attempt"] == 1:
            later.append(asyncio.create_task(again(job, int(d[1]))))
        op = new_op()
        KEY.set(c["key"]); FAULT.set(c["fault"]); PARENT.set(op)
        emit("task_start", t=t, op=op, key=c["key"], task=job["id"], name=job["kind"], attempt=job["attempt"], trace=job["payload"].get("trace_id"))
        how, e = await run(job)
        emit("task_end", op=op, how=how, ran=how != "skipped", exc=type(e).__name__ if e else None)
        return how, e
    later = []
    jobs.run = tapped
    asyncio.run(main.main())


def studio():
    from studio import server
    app = server.application()

    def tapped(environ, start_response):
        key = environ.get("HTTP_X_LAB_KEY")
        if not key:
            return app(environ, start_response)
        rid, op, st = environ.get("HTTP_X_REQUEST_ID"), new_op(), {"status": None}
        KEY.set(key)
        emit("app_start", op=op, key=key, name=f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}", trace=None, rid=rid)

        def start(status, *a):
            st["status"] = int(status.split()[0])
            return start_response(status, *a)
        try:
            r = app(environ, start)
            b = list(r)
            r.close()
            return b
        finally:
            emit("app_end", op=op, **st, whole=True, rid=rid)
            KEY.set(None)
    server.main(tapped)


def unseen():
    """Stack traces as they are without this file."""
    import traceback
    walk = traceback._walk_tb_with_full_positions

    def without(tb):
        for f, pos in walk(tb):
            if f.f_code.co_filename != __file__:
                yield f, pos
    traceback._walk_tb_with_full_positions = without


if __name__ == "__main__":
    unseen()
    sys.stdout = Out(sys.stdout)
    {"worker": worker, "studio": studio}[sys.argv[1]]()
