"""Policy register: GET /policies/{number}. Logs in the Elastic Common Schema."""
import asyncio
import contextvars
import logging
import os
import random
import time

import ecs_logging
from fastapi import FastAPI
from fastapi.responses import JSONResponse

from lab import side

trace = contextvars.ContextVar("trace", default=None)
log = logging.getLogger("policies")
store = logging.getLogger("policies.store")
cache = {}


class TraceFilter(logging.Filter):
    def filter(self, record):
        if trace.get():
            record.__dict__["trace.id"] = trace.get()
        return True


handler = logging.StreamHandler(side.LineFile(os.environ["LOG_FILE"]))
handler.setFormatter(ecs_logging.StdlibFormatter(exclude_fields=["process", "log.original", "log.origin"]))
logging.getLogger().addHandler(handler)
logging.getLogger().setLevel(logging.INFO)
log.addFilter(TraceFilter())
for n in ("uvicorn", "uvicorn.access", "uvicorn.error"):
    logging.getLogger(n).handlers.clear()
    logging.getLogger(n).propagate = True


async def housekeeping():
    while True:
        await asyncio.sleep(30)
        store.info("cache swept", extra={"cache.entries": len(cache)})
        cache.clear()


async def lifespan(app):
    t = asyncio.create_task(housekeeping())
    yield
    t.cancel()

inner = FastAPI(lifespan=__import__("contextlib").asynccontextmanager(lifespan))


@inner.get("/policies/{number}")
async def policy(number: str):
    t = time.monotonic_ns()
    with side.Op("app", f"GET /policies/{number}") as op:
        plan = (side.PLAN.get() or {}).get("pol")
        await asyncio.sleep(random.uniform(.01, .05))
        if number not in cache:
            store.info("cache miss, reading register", extra={"policy.number": number})
            await asyncio.sleep(random.uniform(.03, .2))
            cache[number] = 1
        if plan == "hang":
            await asyncio.sleep(2.6)
        if plan == "503":
            op.outcome, op.attrs["status"] = "error", 503
            log.error("register unavailable", extra={"policy.number": number, "event.duration": time.monotonic_ns() - t})
            return JSONResponse({"error": "register unavailable"}, status_code=503)
        log.info("policy served", extra={"policy.number": number, "event.duration": time.monotonic_ns() - t})
        op.attrs["status"] = 200
        return {"number": number, "deductible": 150}


async def app(scope, receive, send):
    if scope["type"] != "http":
        return await inner(scope, receive, send)
    h = dict(scope["headers"])
    s = side.decode(h.get(b"x-side"))
    tp = h.get(b"traceparent", b"").decode().split("-")
    trace.set(tp[1] if len(tp) == 4 else None)
    with side.within(s.pop("o", None), s.pop("p", None), s):
        await inner(scope, receive, send)
