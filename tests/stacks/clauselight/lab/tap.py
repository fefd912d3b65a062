"""Measures the product from outside. Nothing here writes to a log of the product."""
import asyncio, contextvars, fcntl, itertools, logging, os, threading, time
import httpx, structlog
from .side import emit

KEY, FAULT, PARENT = (contextvars.ContextVar("lab_" + n, default=None) for n in ("key", "fault", "parent"))
_n, ROLE = itertools.count(1), "?"


def new_op():
    return f"{ROLE}-{os.getpid()}-{next(_n)}"


def tap_logs(name):
    lock = os.open(os.path.join(os.environ["LAB_DIR"], name + ".lock"), os.O_RDWR | os.O_CREAT, 0o644)
    orig, mutex = logging.StreamHandler.emit, threading.RLock()

    def emitted(self, record):
        with mutex:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                if self.stream is None:
                    self.stream = self._open()
                off = os.fstat(self.stream.fileno()).st_size
                emit("line", file=name, off=off, key=KEY.get())
                orig(self, record)
                self.flush()
            finally:
                fcntl.flock(lock, fcntl.LOCK_UN)
    logging.StreamHandler.emit = emitted
    fe = logging.FileHandler.emit                              # opens the file, then calls StreamHandler.emit

    def opened(self, record):
        if self.stream is None:
            self.stream = self._open()
        emitted(self, record)
    logging.FileHandler.emit = opened


class LabASGI:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        h = {k.decode().lower(): v.decode() for k, v in scope["headers"]}
        key, op, st = h.get("x-lab-key") or new_op() + "-probe", new_op(), {}
        KEY.set(key); FAULT.set(h.get("x-lab-fault")); PARENT.set(op)
        emit("app_start", op=op, key=key, name=f"{scope['method']} {scope['path']}")

        async def sent(m):
            if m["type"] == "http.response.start":
                st["status"] = m["status"]
            await send(m)
        try:
            await self.app(scope, receive, sent)
        finally:
            emit("app_end", op=op, status=st.get("status"), rid=structlog.contextvars.get_contextvars().get("req_ref"))


def tap_clients():
    def headers(request):
        if KEY.get():
            request.headers.update({"x-lab-key": KEY.get(), "x-lab-parent": PARENT.get() or "", "x-lab-fault": FAULT.get() or ""})
            tp = request.headers.get("traceparent")
            if tp:
                emit("trace", key=KEY.get(), trace=tp.split("-")[1])
    a, s = httpx.AsyncClient.send, httpx.Client.send

    async def asend(self, request, **kw):
        headers(request)
        return await a(self, request, **kw)

    def ssend(self, request, **kw):
        headers(request)
        return s(self, request, **kw)
    httpx.AsyncClient.send, httpx.Client.send = asend, ssend


def tap_store():
    from clauselight import store
    write, add = store.write, store.add_job

    def written(table, *a, **k):
        if not KEY.get():
            return write(table, *a, **k)
        op, ok = new_op(), False
        emit("db_start", op=op, key=KEY.get(), parent=PARENT.get(), table=table)
        try:
            r = write(table, *a, **k)
            ok = True
            return r
        finally:
            emit("db_end", op=op, ok=ok)

    def added(task, payload, *a, **k):
        t = time.time_ns()
        if KEY.get():
            payload = {**payload, "__lab": {"key": KEY.get(), "parent": PARENT.get(), "fault": FAULT.get() or ""}}
        n = add(task, payload, *a, **k)
        if KEY.get():
            emit("job_publish", t=t, job=int(n), task=task, key=KEY.get(), parent=PARENT.get())
        return n
    store.write, store.add_job = written, added


def tap_tool():
    from clauselight import search
    orig = search.search_clauses

    async def searched(q):
        op = new_op()
        emit("tool_start", op=op, key=KEY.get(), parent=PARENT.get(), name="search_clauses")
        try:
            return await orig(q)
        finally:
            emit("tool_end", op=op)
    search.search_clauses = searched


def tap_queue():
    import dramatiq
    from clauselight import tasks

    class Lab(dramatiq.Middleware):
        def before_enqueue(self, broker, message, delay):
            if "lab" in message.options or not KEY.get():
                return
            message.options["lab"] = {"key": KEY.get(), "parent": PARENT.get(), "fault": FAULT.get() or ""}
            emit("publish", task=message.message_id, name=message.actor_name, key=KEY.get(), parent=PARENT.get())
            if "D=dup" in (FAULT.get() or "") and message.actor_name == "review_contract":
                def again():                                    # the same message arrives a second time
                    time.sleep(DUP_AFTER)
                    tasks.broker.enqueue(message)
                    emit("duplicated", task=message.message_id)
                threading.Thread(target=again, daemon=True).start()

        def after_process_message(self, broker, message, *, result=None, exception=None):
            st = STATE.get()
            if st is not None and exception is not None:
                st["exc"] = type(exception).__name__
    tasks.broker.add_middleware(Lab())


STATE = contextvars.ContextVar("lab_state", default=None)
DUP_AFTER = 1.2


def tap_worker():
    from dramatiq import worker as dw
    cls = next(c for c in vars(dw).values() if isinstance(c, type) and "process_message" in vars(c))
    orig = cls.process_message

    def process(self, message):
        own = message.options.get("lab")
        if not own:
            return orig(self, message)
        op, st = new_op(), {}
        toks = [(v, v.set(x)) for v, x in ((KEY, own["key"]), (FAULT, own["fault"]), (PARENT, op), (STATE, st))]
        emit("task_start", op=op, key=own["key"], parent=own["parent"], task=message.message_id, name=message.actor_name, retries=message.options.get("retries", 0))
        # the message's stored fault and owner stay; what the actor does is measured by its own taps
        post = self.consumers[message.queue_name].post_process_message
        try:
            return orig(self, message)
        finally:
            exc = st.get("exc")
            out = "ok" if not exc else "error" if message.failed else "retry"
            emit("task_end", op=op, outcome="skipped" if st.get("skipped") else out, exc=exc, failed=message.failed)
            for v, t in reversed(toks):
                v.reset(t)
    cls.process_message = process
    from clauselight import tasks
    check = tasks.Review.model_validate_json.__func__

    def checked(c, text, **k):
        try:
            return check(c, text, **k)
        except Exception:
            emit("bad_schema", key=KEY.get(), parent=PARENT.get())
            raise
    tasks.Review.model_validate_json = classmethod(checked)
    # the product's read that ends in "already reviewed" is seen by the row it got
    from clauselight import store
    read = store.read

    def seen(sql, args=()):
        rows = read(sql, args)
        if STATE.get() is not None and sql.startswith("select body, status") and rows and rows[0]["status"] == "reviewed":
            STATE.get()["skipped"] = True
        return rows
    store.read = seen
    # a task of a killed worker has no end; its other operations end at the kill too


def install(role):
    global ROLE
    ROLE = role
    tap_logs("app.log" if role == "app" else "worker.log")
    tap_clients(); tap_store()
    if role == "app":
        tap_tool()
    tap_queue()
    if role == "worker":
        tap_worker()
