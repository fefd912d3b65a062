"""Office lunch: who eats what. Falcon, structlog."""
import time
import uuid

import falcon
import falcon.asgi
import structlog

structlog.configure(processors=[structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso"), structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()])
log = structlog.get_logger()
orders = {}


class RequestLog:
    async def process_request(self, req, resp):
        if req.path == "/up":
            return
        req.context.t = time.perf_counter()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=req.get_header("X-Request-Id") or str(uuid.uuid4()))

    async def process_response(self, req, resp, resource, ok):
        if req.path != "/up":
            log.info("http_request", method=req.method, path=req.path, status=int(resp.status[:3]), elapsed=round(time.perf_counter() - req.context.t, 4))


class Up:
    async def on_get(self, req, resp):
        resp.media = {"up": True}


class Orders:
    async def on_get(self, req, resp, day):
        if day not in orders:
            raise falcon.HTTPNotFound()
        resp.media = orders[day]

    async def on_post(self, req, resp, day):
        d = await req.get_media()
        if not isinstance(d["dish"], str):
            raise falcon.HTTPBadRequest(description="dish")
        orders.setdefault(day, []).append(d["dish"])
        log.info("order_placed", day=day, n=len(orders[day]))
        resp.status, resp.media = falcon.HTTP_201, {"n": len(orders[day])}



async def broken(req, resp, e, params):
    log.exception("unhandled_exception")
    raise falcon.HTTPInternalServerError()


app = falcon.asgi.App(middleware=[RequestLog()])
app.add_error_handler(Exception, broken)
app.add_route("/up", Up())
app.add_route("/days/{day}/orders", Orders())
