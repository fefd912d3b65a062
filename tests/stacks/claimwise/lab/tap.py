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

KEY, FAULT, PARENT, OUT = (ContextVar(n, default=None) for n in ("lab_key", "lab_fault", "lab_parent", "lab_out"))
_n = itertools.count(1)
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NAME = os.environ["LAB_LOG"].removesuffix(".log")


def new_op():
    return f"{NAME}-{os.getpid()}-{next(_n)}"


class Out:
    """Standard output: every write is told first."""
    off = os.fstat(1).st_size

    def __init__(self, real):
        self.real = real

    def write(self, s):
        jobs = [] if KEY.get() or '"saq"' not in s else sorted(set(UUID.findall(s)))     # upkeep of the queue: whose jobs the line names
        emit("line", file=os.environ["LAB_LOG"], off=Out.off, lines=s.count("\n"), key=KEY.get(), jobs=jobs)
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
    from claimwise import db
    w = re.compile(r"(?:insert into|update|delete from) (\w+)", re.I)
    run = db.run

    async def tapped(con, sql, args, many=False):
        if not KEY.get():
            return await run(con, sql, args, many)
        if OUT.get() is not None: OUT.get()["ran"] = True
        op, ok = new_op(), False
        emit("db_start", op=op, key=KEY.get(), parent=PARENT.get(), table=w.match(sql)[1])
        try:
            r = await run(con, sql, args, many); ok = True
            return r
        finally:
            emit("db_end", op=op, ok=ok)
    db.run = tapped


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
                if request.url.port not in (9521, 9522):
                    return await s(self, request, **kw)
                op, st = new_op(), {"error": "broken"}
                if OUT.get() is not None: OUT.get()["ran"] = True
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
    from saq.queue.redis import RedisQueue
    enqueue = RedisQueue._enqueue

    async def tapped(self, job):
        if not KEY.get():
            return await enqueue(self, job)
        await self.redis.set("lab:" + job.key, json.dumps({"key": KEY.get(), "parent": PARENT.get(), "fault": FAULT.get()}))
        t = time.time_ns()
        r = await enqueue(self, job)
        emit("publish", t=t, task=job.key, name=job.function, key=KEY.get(), parent=PARENT.get())
        d = next((p[2:] for p in (FAULT.get() or "").split(";") if p.startswith("D=")), None)
        if d and job.function == "triage_claim":
            async def again():
                await asyncio.sleep(int(d) / 1000)
                emit("doubled", task=job.key)
                await self.redis.rpush(self._queued, job.id)
            _keep.append(asyncio.create_task(again()))
        return r
    RedisQueue._enqueue = tapped


_keep = []


def api():
    clients(); database(); queue()
    from claimwise import api as m
    serve = m.app.asgi_app

    async def tapped(scope, receive, send):
        h = {k.decode(): v.decode() for k, v in scope.get("headers", [])}
        key = h.get("x-lab-key")
        if scope["type"] != "http" or not key:
            return await serve(scope, receive, send)
        op, rid, st = new_op(), h.get("x-request-id"), {"status": None, "whole": False}
        KEY.set(key); FAULT.set(h.get("x-lab-fault") or ""); PARENT.set(op)
        emit("app_start", op=op, key=key, name=f"{scope['method']} {scope['path']}", trace=h.get("traceparent"), rid=rid)

        async def told(m):
            if m["type"] == "http.response.start": st["status"] = m["status"]
            await send(m)
            if m["type"] == "http.response.body" and not m.get("more_body"): st["whole"] = True
        try:
            await serve(scope, receive, told)
        finally:
            emit("app_end", op=op, **st, rid=rid)
    m.app.asgi_app = tapped
    m.main()


def worker():
    from saq import Worker
    from saq.queue.redis import RedisQueue
    process, dequeue, retry, finish = Worker.process, RedisQueue.dequeue, RedisQueue.retry, RedisQueue.finish

    async def got(self, *a, **k):
        job = await dequeue(self, *a, **k)
        if job:
            t = time.time_ns()
            c = json.loads(await self.redis.get("lab:" + job.key))
            op, out = new_op(), OUT.get()
            out.update(op=op, how=None, ran=False, exc=None)
            KEY.set(c["key"]); FAULT.set(c["fault"]); PARENT.set(op)
            emit("task_start", t=t, op=op, key=c["key"], parent=c["parent"], task=job.key, name=job.function, attempt=job.attempts + 1, trace=(job.kwargs or {}).get("traceparent"))
        return job

    async def tapped(self):
        out = {}
        OUT.set(out)
        try:
            return await process(self)
        finally:
            if out: emit("task_end", **out)

    async def again(self, job, error):
        if OUT.get(): OUT.get().update(how="retrying", exc=(error or "").strip().split("\n")[-1].split(":")[0].split(".")[-1])
        return await retry(self, job, error)

    async def over(self, job, status, **k):
        if OUT.get(): OUT.get().update(how=status.value)
        return await finish(self, job, status, **k)
    Worker.process, RedisQueue.dequeue, RedisQueue.retry, RedisQueue.finish = tapped, got, again, over
    clients(); database(); queue()
    from claimwise import tools, worker as w
    run = tools.run

    async def looked_up(name, args, call_id):
        op, ok = new_op(), False
        emit("tool_start", op=op, key=KEY.get(), parent=PARENT.get(), name=name, id=call_id)
        try:
            r = await run(name, args, call_id); ok = True
            return r
        finally:
            emit("tool_end", op=op, ok=ok)
    tools.run = looked_up
    asyncio.run(w.main())


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
    {"api": api, "worker": worker}[sys.argv[1]]()
