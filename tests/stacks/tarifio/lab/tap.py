"""The side channel of the Python processes: whose work is being done, and which line is whose. The product never sees it."""
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
    from tarifio import db
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


def note(h, key):
    """Who a request's jobs belong to, for the workers' side channel."""
    if h.get("x-request-id"):
        with open(os.path.join(DIR, "rid", h["x-request-id"]), "w") as f: f.write(json.dumps({"key": key, "fault": h.get("x-lab-fault") or ""}))


def api():
    clients(); database()
    from tarifio import api as m, queue
    put = queue.put

    async def told_put(kind, payload):
        t = time.time_ns()
        i = await put(kind, payload)
        emit("publish", t=t, task=str(i), name=kind, key=KEY.get(), parent=PARENT.get())
        return i
    queue.put = told_put

    async def tapped(scope, receive, send):
        h = {k.decode(): v.decode() for k, v in scope.get("headers", [])}
        key = h.get("x-lab-key")
        if scope["type"] != "http" or not key:
            return await m.app(scope, receive, send)
        op, rid, st = new_op(), h.get("x-request-id"), {"status": None, "whole": False}
        KEY.set(key); FAULT.set(h.get("x-lab-fault") or ""); PARENT.set(op); note(h, key)
        emit("app_start", op=op, key=key, name=f"{scope['method']} {scope['path']}", trace=h.get("traceparent"), rid=rid)

        async def told(m):
            if m["type"] == "http.response.start": st["status"] = m["status"]
            await send(m)
            if m["type"] == "http.response.body" and not m.get("more_body"): st["whole"] = True
        try:
            await m.app(scope, receive, told)
        finally:
            emit("app_end", op=op, **st, rid=rid)
    m.main(tapped)


def toolshed():
    from toolshed import server

    def tapped(environ, start_response):
        key = environ.get("HTTP_X_LAB_KEY")
        if not key:
            return server.app(environ, start_response)
        rid, op, st = environ.get("HTTP_X_REQUEST_ID"), new_op(), {"status": None}
        KEY.set(key)
        emit("app_start", op=op, key=key, name=f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}", trace=None, rid=rid)

        def start(status, *a):
            st["status"] = int(status.split()[0])
            return start_response(status, *a)
        try:
            return list(server.app(environ, start))
        finally:
            emit("app_end", op=op, **st, whole=True, rid=rid)
            KEY.set(None)
    server.main(tapped)


if __name__ == "__main__":
    sys.stdout = Out(sys.stdout)
    {"api": api, "toolshed": toolshed}[sys.argv[1]]()
