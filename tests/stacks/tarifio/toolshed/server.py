"""Who has borrowed which tool. Bottle on waitress."""
import json
import logging
import sys
import time
from datetime import datetime, timezone

from bottle import Bottle, HTTPError, request, response
from waitress import serve


class JsonFormatter(logging.Formatter):
    def format(self, record):
        d = {"ts": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"), "lvl": record.levelname, "logger": record.name, "msg": record.getMessage(), **getattr(record, "data", {})}
        if record.exc_info:
            d["exc"] = self.formatException(record.exc_info)
        return json.dumps(d)


h = logging.StreamHandler(sys.stdout)
h.setFormatter(JsonFormatter())
logging.basicConfig(level=logging.INFO, handlers=[h])
log = logging.getLogger("toolshed")
app = Bottle()
loans = {}


def access_log(callback):
    def wrapper(*a, **kw):
        if request.path == "/ping":
            return callback(*a, **kw)
        t, status = time.monotonic(), 500
        rid = request.get_header("X-Request-ID")
        try:
            r = callback(*a, **kw)
            status = response.status_code
            return r
        except HTTPError as e:
            status = e.status_code
            raise
        except Exception:
            log.exception("request crashed", extra={"data": {"req": rid}})
            raise HTTPError(500, "oops")
        finally:
            log.info("request", extra={"data": {"req": rid, "verb": request.method, "url": request.path, "code": status, "secs": round(time.monotonic() - t, 5)}})
    return wrapper


app.install(access_log)


@app.get("/ping")
def ping():
    return "ok"


@app.get("/tools/<tool>/loans")
def read(tool):
    if tool not in loans:
        raise HTTPError(404, "never lent")
    return {"loans": loans[tool]}


@app.post("/tools/<tool>/loans")
def lend(tool):
    who = request.json.get("who", "")
    if not isinstance(who, str):
        raise HTTPError(400, "who?")
    days = request.json["days"]
    time.sleep(.004)
    loans.setdefault(tool, []).append([who, days])
    log.info("tool lent", extra={"data": {"req": request.get_header("X-Request-ID"), "tool": tool, "days": days}})
    response.status = 201
    return {"n": len(loans[tool])}


def main(wsgi=app):
    serve(wsgi, host="127.0.0.1", port=9615, threads=4)


if __name__ == "__main__":
    main()
