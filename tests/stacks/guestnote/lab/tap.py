"""The side channel of the Python processes: whose work is being done, and which line is whose. The product never sees it."""
import asyncio
import itertools
import json
import os
import sys
import time
from contextvars import ContextVar

from .side import DIR, emit

KEY, FAULT, PARENT, OUT, STATUS = (ContextVar(n, default=None) for n in ("lab_key", "lab_fault", "lab_parent", "lab_out", "lab_status"))
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


def database():
    import re
    from sqlalchemy import event
    from sqlalchemy.engine import Engine
    w = re.compile(r"(?:insert into|update|delete from) (\w+)", re.I)

    @event.listens_for(Engine, "before_cursor_execute")
    def before(conn, cursor, statement, parameters, context, executemany):
        m = w.match(statement)
        if KEY.get() and m:
            context.lab_op = new_op()
            if OUT.get() is not None: OUT.get()["ran"] = True
            emit("db_start", op=context.lab_op, key=KEY.get(), parent=PARENT.get(), table=m[1])

    @event.listens_for(Engine, "after_cursor_execute")
    def after(conn, cursor, statement, parameters, context, executemany):
        if getattr(context, "lab_op", None): emit("db_end", op=context.lab_op, ok=True)

    @event.listens_for(Engine, "handle_error")
    def bad(c):
        if getattr(c.execution_context, "lab_op", None): emit("db_end", op=c.execution_context.lab_op, ok=False)


def Streamed(hx, inner, op, st):
    class S(hx.AsyncByteStream):
        over = False

        def end(self, **x):
            if not self.over:
                self.over = True
                emit("model_end", op=op, **{**st, **x})

        async def __aiter__(self):
            try:
                async for b in inner: yield b
                self.end()
            except hx.TimeoutException:
                self.end(error="timeout"); raise
            except hx.HTTPError:
                self.end(error="broken"); raise
            except (asyncio.CancelledError, GeneratorExit):
                self.end(error="cancelled"); raise

        async def aclose(self):
            self.end(error="cancelled")
            await inner.aclose()
    return S()


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
                if request.url.port not in (9321, 9322):
                    return await s(self, request, **kw)
                op, st = new_op(), {"error": "broken"}
                emit("model_start", op=op, key=KEY.get(), parent=PARENT.get(), model=json.loads(request.content)["model"])
                streamed = False
                try:
                    r = await s(self, request, **kw)
                    st = {"status": r.status_code, "rid": r.headers.get("x-request-id") or r.headers.get("request-id"), "id": r.headers.get("x-lab-cid")}
                    if kw.get("stream"):
                        streamed = True
                        r.stream = Streamed(hx, r.stream, op, st)
                    return r
                except hx.TimeoutException:
                    st = {"error": "timeout"}; raise
                except asyncio.CancelledError:
                    st = {"error": "cancelled"}; raise
                finally:
                    if not streamed: emit("model_end", op=op, **st)
            hx.AsyncClient.send = send
        one()


def queue():
    from taskiq.kicker import AsyncKicker
    prepare, kiq = AsyncKicker._prepare_message, AsyncKicker.kiq

    def with_owner(self, *a, **k):
        if KEY.get() and "labctx" not in self.labels:
            self.labels = {**self.labels, "labctx": json.dumps({"key": KEY.get(), "parent": PARENT.get(), "fault": FAULT.get()})}
        return prepare(self, *a, **k)

    async def told(self, *a, **k):
        t, r = time.time_ns(), await kiq(self, *a, **k)
        if KEY.get() and "_retries" not in self.labels:
            emit("publish", t=t, task=r.task_id, name=self.task_name.split(":")[-1], key=KEY.get(), parent=PARENT.get())
            d = next((p[2:] for p in (FAULT.get() or "").split(";") if p.startswith("D=")), None)
            if d and "classify" in self.task_name:
                async def again(labels={**self.labels, "labdup": "1"}, name=self.task_name, broker=self.broker):
                    KEY.set(None)
                    c = json.loads(labels["labctx"]); c["fault"] = "A=ok"; labels["labctx"] = json.dumps(c)
                    await asyncio.sleep(int(d) / 1000)
                    t2 = time.time_ns()
                    await kiq(AsyncKicker(name, broker, labels).with_task_id(r.task_id), *a, **k)
                    emit("doubled", t=t2, task=r.task_id)
                again.task = asyncio.create_task(again())
                _keep.append(again.task)
        return r
    AsyncKicker._prepare_message, AsyncKicker.kiq = with_owner, told


_keep = []


def api():
    from sanic import Sanic                                  # Sanic compiles its handler anew when it starts, so it is wrapped after that

    async def tapped(self, request):
        key = request.headers.get("x-lab-key")
        KEY.set(key)
        if not key:
            return await handle(self, request)
        op = new_op()
        FAULT.set(request.headers.get("x-lab-fault") or ""); PARENT.set(op)
        emit("app_start", op=op, key=key, name=f"{request.method} {request.path}", trace=request.headers.get("traceparent"), rid=request.headers.get("x-request-id"))
        whole, st = False, {"status": None}
        STATUS.set(st)
        try:
            await handle(self, request); whole = True
        finally:
            emit("app_end", op=op, **st, whole=whole, rid=request.headers.get("x-request-id"))
    from sanic.http import Http
    respond = Http.respond

    def told(self, response):
        if STATUS.get() is not None: STATUS.get()["status"] = response.status
        return respond(self, response)
    Http.respond = told
    clients(); database(); queue()
    from guestnote import api as m
    handle = None

    @m.app.after_server_start
    async def wrap(app):
        nonlocal handle
        handle = Sanic.handle_request
        Sanic.handle_request = tapped
    m.main()


def worker():
    from taskiq.receiver import Receiver
    callback = Receiver.callback

    async def tapped(self, message, *a, **k):
        m = self.broker.formatter.loads(message.data if hasattr(message, "data") else message)
        c, op, out = json.loads(m.labels["labctx"]), new_op(), {"how": "ack", "ran": False, "exc": None}
        KEY.set(c["key"]); FAULT.set(c["fault"]); PARENT.set(op); OUT.set(out)
        emit("task_start", op=op, key=c["key"], parent=c["parent"], task=m.task_id, name=m.task_name.split(":")[-1], attempt=int(m.labels.get("_retries", 0)) + 1, dup="labdup" in m.labels, job_no=m.args[0]["job_no"], trace=m.labels.get("traceparent"))
        try:
            return await callback(self, message, *a, **k)
        finally:
            emit("task_end", op=op, **out)
    Receiver.callback = tapped
    clients(); database(); queue()
    from guestnote import ai, worker as w
    for n, how in (("again", "retry"), ("give_up", "term")):
        def one(f=getattr(w.Jobs, n), how=how):
            async def done(self, message, attempt, exception):
                OUT.get().update(how=how, exc=type(exception).__name__)
                return await f(self, message, attempt, exception)
            return done
        setattr(w.Jobs, n, one())
    look = ai.looked_up

    async def looked_up(name, runtime):
        op, ok = new_op(), False
        emit("tool_start", op=op, key=KEY.get(), parent=PARENT.get(), name=name, id=runtime.tool_call_id)
        try:
            r = await look(name, runtime); ok = True
            return r
        finally:
            emit("tool_end", op=op, ok=ok)
    ai.looked_up = looked_up
    asyncio.run(w.main())


def unseen():
    """Stack traces as they are without this file."""
    import traceback
    walk = traceback._walk_tb_with_full_positions

    def without(tb):
        for f, pos in walk(tb):
            if f.f_code.co_filename != __file__ and f.f_code.co_name not in ("tapped",):
                yield f, pos
    traceback._walk_tb_with_full_positions = without


if __name__ == "__main__":
    unseen()
    sys.stdout = Out(sys.stdout)
    {"api": api, "worker": worker}[sys.argv[1]]()
