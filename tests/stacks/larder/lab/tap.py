"""Measures the brain from outside. Nothing here writes to a log of the product."""
import asyncio, contextvars, fcntl, itertools, logging, os, threading
import httpx, httpx2
from .side import emit

KEY, FAULT, PARENT = (contextvars.ContextVar("lab_" + n, default=None) for n in ("key", "fault", "parent"))
_n = itertools.count(1)


def new_op():
    return f"brain-{os.getpid()}-{next(_n)}"


def tap_logs(name):
    orig, mutex = logging.StreamHandler.emit, threading.RLock()

    def emitted(self, record):
        with mutex:
            self.stream.flush()
            emit("line", file=name, off=os.fstat(1).st_size, key=KEY.get(), lines=1)
            orig(self, record)
            self.flush()
    logging.StreamHandler.emit = emitted


class LabASGI:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        from asgi_correlation_id import correlation_id
        h = {k.decode().lower(): v.decode() for k, v in scope["headers"]}
        scope = {**scope, "headers": [(k, v) for k, v in scope["headers"] if not k.lower().startswith(b"x-lab-")]}
        key, op, st = h.get("x-lab-key") or new_op() + "-probe", new_op(), {}
        KEY.set(key); FAULT.set(h.get("x-lab-fault")); PARENT.set(op)
        if h.get("traceparent"):
            emit("trace", key=key, trace=h["traceparent"].split("-")[1])
        emit("gw_start", op=op, key=key, parent=h.get("x-lab-parent") or None, name=f"{scope['method']} {scope['path']}")

        async def sent(m):
            if m["type"] == "http.response.start":
                st["status"] = m["status"]
            if m["type"] == "http.response.body" and not m.get("more_body"):
                st["whole"] = True
            await send(m)
        try:
            await self.app(scope, receive, sent)
        finally:
            emit("gw_end", op=op, status=st.get("status"), whole=st.get("whole", False), rid=correlation_id.get())


def tap_clients():
    for m in (httpx, httpx2):
        tap_client(m)


def tap_client(hx):
    a = hx.AsyncClient.send
    import json

    async def asend(self, request, **kw):
        if not KEY.get():
            return await a(self, request, **kw)
        port = request.url.port
        request.headers.update({"x-lab-key": KEY.get(), "x-lab-parent": PARENT.get() or "", "x-lab-fault": FAULT.get() or ""})
        if port not in (8841, 8842):
            return await a(self, request, **kw)
        op, st, call = new_op(), {}, CALL.get()
        model = json.loads(request.content)["model"]
        emit("model_start", op=op, key=KEY.get(), parent=PARENT.get(), model=model, call=call)
        stream = False
        try:
            r = await a(self, request, **kw)
            st = {"status": r.status_code, "rid": r.headers.get("x-request-id") or r.headers.get("request-id")}
            if r.headers.get("x-lab-cid"):
                st["id"] = r.headers["x-lab-cid"]
            if "event-stream" in r.headers.get("content-type", ""):
                stream, close, done = True, r.aclose, []

                async def closed():
                    if not done:
                        done.append(1)
                        emit("model_end", op=op, **st, **({"error": "cancelled"} if asyncio.current_task().cancelling() else {}))
                    await close()
                r.aclose = closed
            elif r.status_code == 200:
                st["id"] = r.json().get("id")
            return r
        except hx.TimeoutException:
            st = {"error": "timeout"}; raise
        except asyncio.CancelledError:
            st = {"error": "cancelled"}; raise
        except BaseException:
            st = {"error": "broken"}; raise
        finally:
            if not stream:
                emit("model_end", op=op, **st)
    hx.AsyncClient.send = asend


CALL = contextvars.ContextVar("lab_call", default=None)


def tap_app():
    from brain import app, models, prompts, tools
    for c in (models.oa, models.an):                       # one number for the attempts of one SDK call
        def wrap(o, name):
            f = getattr(o, name)

            async def inner(*x, **k):
                tok = CALL.set(new_op())
                try:
                    return await f(*x, **k)
                finally:
                    CALL.reset(tok)
            setattr(o, name, inner)
        wrap(c.chat.completions if c is models.oa else c.messages, "create")
    pick = prompts.pick

    def picked(task):
        v = pick(task)
        emit("prompt", key=KEY.get(), op=PARENT.get(), prompt=v)
        return v
    prompts.pick = picked
    hexa = app.secrets.token_hex

    class S:
        @staticmethod
        def token_hex(n):
            v = hexa(n)
            emit("gen", op=PARENT.get(), key=KEY.get(), gen="gen_" + v)
            return v
    app.secrets = S
    look = tools.nutrition_lookup

    async def looked(name, headers):
        op = new_op()
        emit("tool_start", op=op, key=KEY.get(), parent=PARENT.get(), name="nutrition_lookup")
        tok = PARENT.set(op)
        try:
            return await look(name, headers)
        finally:
            PARENT.reset(tok)
            emit("tool_end", op=op, ok=True)
    tools.nutrition_lookup = looked
    val = app.Recipe.model_validate_json

    def checked(text, **k):
        try:
            return val(text, **k)
        except Exception:
            emit("bad_schema", key=KEY.get(), parent=PARENT.get())
            raise
    app.Recipe.model_validate_json = checked
