"""The side channel of the lunch app: whose request is at work, and which line is whose. The product never sees it."""
import itertools
import os
import sys
from contextvars import ContextVar

from .side import emit

KEY = ContextVar("lab_key", default=None)
_n = itertools.count(1)


class Out:
    """Standard output: every write is told first."""
    off = os.fstat(1).st_size

    def __init__(self, real):
        self.real, self.begun = real, ""

    def write(self, s):
        self.begun += s                              # print() writes its newline by itself
        if not s.endswith("\n"):
            return len(s)
        s, self.begun = self.begun, ""
        emit("line", file=os.environ["LAB_LOG"], off=Out.off, lines=s.count("\n"), key=KEY.get())
        b = s.encode()
        Out.off += len(b)
        os.write(self.real.fileno(), b)
        return len(s)

    def flush(self):
        pass

    def __getattr__(self, a):
        return getattr(self.real, a)


def main():
    sys.stdout = Out(sys.stdout)
    import uvicorn
    from lunch import server

    async def tapped(scope, receive, send):
        h = {k.decode(): v.decode() for k, v in scope.get("headers", [])}
        key = h.get("x-lab-key")
        if scope["type"] != "http" or not key:
            return await server.app(scope, receive, send)
        KEY.set(key)
        op, st = f"lunch-{os.getpid()}-{next(_n)}", {"status": None}
        emit("app_start", op=op, key=key, name=f"{scope['method']} {scope['path']}", trace=None, rid=h.get("x-request-id"))

        async def told(m):
            if m["type"] == "http.response.start": st["status"] = m["status"]
            await send(m)
        try:
            await server.app(scope, receive, told)
        finally:
            emit("app_end", op=op, **st, whole=st["status"] is not None, rid=h.get("x-request-id"))
    uvicorn.run(tapped, host="127.0.0.1", port=9415, log_level="warning", access_log=False, timeout_keep_alive=1)


main()
