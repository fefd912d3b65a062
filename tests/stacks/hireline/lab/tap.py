"""Measures the workers from outside. Nothing here writes to a log of the product."""
import contextvars, fcntl, itertools, json, logging, os, threading, time
import httpx
from .side import emit
try:
    import httpx2
except ImportError:
    httpx2 = None

KEY, FAULT, PARENT, OWN = (contextvars.ContextVar("lab_" + n, default=None) for n in ("key", "fault", "parent", "own"))
_n = itertools.count(1)


def new_op():
    return f"wk-{os.getpid()}-{next(_n)}"


def tap_logs(name):
    path = os.path.join(os.environ["LAB_DIR"], name + ".lock")
    fds, mutex, orig = {}, threading.RLock(), logging.StreamHandler.emit

    def emitted(self, record):
        with mutex:
            pid = os.getpid()
            if pid not in fds:                                  # a lock is the open file's: each process opens its own
                fds[pid] = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.flock(fds[pid], fcntl.LOCK_EX)
            try:
                self.flush()
                emit("line", file=name, off=os.fstat(2).st_size, key=KEY.get(), lines=1)
                orig(self, record)
                self.flush()
            finally:
                fcntl.flock(fds[pid], fcntl.LOCK_UN)
    logging.StreamHandler.emit = emitted


def lab_of(headers):
    v = headers.get("labctx") if isinstance(headers, dict) else getattr(headers, "labctx", None)
    return json.loads(v) if v else None


def tap_strategy(app):
    import celery.worker.strategy as st
    orig = st.default

    def default(task, app_, consumer, **kw):
        h = orig(task, app_, consumer, **kw)

        def handler(message, body, ack, reject, callbacks, **k):
            own = lab_of(message.headers)
            tok = KEY.set(own["key"] if own else None)
            if own and "D=dup" in own["fault"] and message.headers["task"] == "cv.parse" and not message.headers.get("retries") and not message.delivery_info.get("redelivered") and message.headers["id"] not in DUP:
                DUP.add(message.headers["id"])
                b, hd, ct, ce, pr = message.body, dict(message.headers), message.content_type, message.content_encoding, dict(message.properties)

                def again():                                    # the same message arrives a second time
                    time.sleep(3)
                    with app.connection_for_write() as c:
                        c.Producer().publish(b, exchange="", routing_key="cv", headers={**hd, "labctx": json.dumps({**own, "fault": "A=ok"})}, content_type=ct, content_encoding=ce, correlation_id=pr.get("correlation_id"), delivery_mode=2)
                    emit("duplicated", task=hd["id"])
                threading.Thread(target=again, daemon=True).start()
            try:
                return h(message, body, ack, reject, callbacks, **k)
            finally:
                KEY.reset(tok)
        return handler
    st.default = default


DUP = set()


def tap_tasks():
    from celery import signals

    def pub(sender=None, headers=None, **k):
        if not KEY.get():
            return
        own = OWN.get()
        if own and headers["id"] == own["task"]:                 # a retry
            headers["labctx"] = json.dumps(own["ctx"])
            return
        headers["labctx"] = json.dumps({"key": KEY.get(), "parent": PARENT.get(), "fault": FAULT.get() or ""})
        emit("publish", task=headers["id"], name=sender, key=KEY.get(), parent=PARENT.get())

    def pre(sender=None, task_id=None, task=None, **k):
        own = lab_of(task.request)
        if not own:
            return
        op = new_op()
        KEY.set(own["key"]); FAULT.set(own["fault"]); PARENT.set(op); OWN.set({"task": task_id, "ctx": own})
        emit("task_start", op=op, key=own["key"], parent=own["parent"], task=task_id, name=task.name, retries=task.request.retries, redelivered=bool((task.request.delivery_info or {}).get("redelivered")))

    def post(sender=None, task_id=None, task=None, retval=None, state=None, **k):
        if not KEY.get():
            return
        exc = retval if isinstance(retval, BaseException) else None
        cause = getattr(exc, "exc", None) or exc
        emit("task_end", op=PARENT.get(), state=state, skipped=retval == "skipped", exc=type(cause).__name__ if cause is not None else None)
        for v in (KEY, FAULT, PARENT, OWN):
            v.set(None)
    signals.before_task_publish.connect(pub, weak=False)
    signals.task_prerun.connect(pre, weak=False)
    signals.task_postrun.connect(post, weak=False)


def tap_clients():
    def one(hx):
        s = hx.Client.send

        def send(self, request, **kw):
            if not KEY.get():
                return s(self, request, **kw)
            request.headers.update({"x-lab-key": KEY.get(), "x-lab-parent": PARENT.get() or "", "x-lab-fault": FAULT.get() or ""})
            if "embeddings" not in request.url.path:
                return s(self, request, **kw)
            op, st = new_op(), {}
            emit("model_start", op=op, key=KEY.get(), parent=PARENT.get(), model=json.loads(request.content)["model"], call=PARENT.get() + "e")
            try:
                r = s(self, request, **kw)
                st = {"status": r.status_code, "rid": r.headers.get("x-request-id")}
                return r
            except hx.TimeoutException:
                st = {"error": "timeout"}; raise
            except BaseException:
                st = {"error": "broken"}; raise
            finally:
                emit("model_end", op=op, **st)
        hx.Client.send = send
    for m in (httpx, httpx2):
        if m:
            one(m)


def tap_product():
    from hireline import db, tasks
    write, look = db.write, tasks.search_candidates

    def written(table, *a):
        if not KEY.get():
            return write(table, *a)
        op, ok = new_op(), False
        emit("db_start", op=op, key=KEY.get(), parent=PARENT.get(), table=table)
        try:
            r = write(table, *a); ok = True
            return r
        finally:
            emit("db_end", op=op, ok=ok)

    def looked(skill):
        op, ok = new_op(), False
        emit("tool_start", op=op, key=KEY.get(), parent=PARENT.get(), name="search_candidates")
        try:
            r = look(skill); ok = True
            return r
        finally:
            emit("tool_end", op=op, ok=ok)
    db.write, tasks.search_candidates = written, looked
